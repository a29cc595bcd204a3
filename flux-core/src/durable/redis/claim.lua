-- Makes a node the owner of what is stored for a client.
-- KEYS as for a batch; ARGV: node, the only owner it is taken from ('': whoever has it)
-- Answer: nothing if it is another's, else epoch, former owner, queue, record, next seq, bytes, entries in the stream, released entries,
-- first entry, first released, received packet ids, will
local session, entries, released, received, will = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local known = redis.call('HMGET', session, 'o', 'p', 'q', 'r', 'n', 'b')
if ARGV[2] ~= '' and known[1] ~= ARGV[2] then
    return {}
end
-- An epoch must grow also where everything of the client was deleted meanwhile: so it is no smaller than the time in milliseconds.
local time = redis.call('TIME')
local epoch = math.max(tonumber(known[2] or 0) + 1, time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', session, 'o', ARGV[1], 'p', string.format('%.0f', epoch))
redis.call('HDEL', session, 't', 'a')
local first = redis.call('XRANGE', entries, '-', '+', 'COUNT', 1)[1]
return {
    string.format('%.0f', epoch),
    known[1] or '',
    known[3] or '',
    known[4] or '',
    known[5] or '1',
    known[6] or '0',
    redis.call('XLEN', entries),
    redis.call('ZCARD', released),
    first and string.match(first[1], '%d+') or '',
    redis.call('ZRANGE', released, 0, 0)[1] or '',
    redis.call('SMEMBERS', received),
    redis.call('HGET', will, 'r') or '',
}
