-- Makes a node the owner of what is stored for a client.
-- KEYS as for a batch; ARGV: node, the only owner it is taken from ('': whoever has it), seconds that an owner of nothing is remembered,
-- the epoch of the last claim that the node has heard the answer to
-- Answer: nothing if it is another's or nothing is stored, else epoch, former owner, queue, record, next seq, bytes, entries in the
-- stream, released entries, first entry, first released, received packet ids, will, nodes that may still have messages for it (a line each),
-- 1 if this node was one of them, or had it already
local session, entries, released, received, will = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local node, from = ARGV[1], ARGV[2]
local known = redis.call('HMGET', session, 'o', 'p', 'q', 'r', 'n', 'b', 's')
-- What the node has by a claim that it heard nothing of is not there yet: its answer was lost, and it comes again.
local unheard = known[1] == node and known[2] ~= ARGV[4]
if not known[1] or (from ~= '' and known[1] ~= from and not unheard) then
    return {}
end
-- An epoch must grow also where everything of the client was deleted meanwhile: so it is no smaller than the time in milliseconds.
local time = redis.call('TIME')
local epoch = math.max(tonumber(known[2] or 0) + 1, time[1] * 1000 + math.floor(time[2] / 1000))
-- Publishers know where a session is from the routes: until they have heard of the new place they send to the former ones.
local sources, former, returns = {}, known[1], ''
if known[3] then
    for source in string.gmatch((known[7] or '') .. '\n' .. former, '[^\n]+') do
        local listed = source == node
        if listed then
            returns = '1'
        end
        for _, other in ipairs(sources) do
            listed = listed or other == source
        end
        if not listed then
            sources[#sources + 1] = source
        end
    end
end
redis.call('HSET', session, 'o', node, 'p', string.format('%.0f', epoch))
redis.call('HDEL', session, 't', 'a', 's')
if #sources > 0 then
    redis.call('HSET', session, 's', table.concat(sources, '\n'))
end
local last_will = redis.call('HGET', will, 'r') or ''
if not known[3] and last_will == '' then
    redis.call('EXPIRE', session, ARGV[3])
end
local first = redis.call('XRANGE', entries, '-', '+', 'COUNT', 1)[1]
return {
    string.format('%.0f', epoch),
    former,
    known[3] or '',
    known[4] or '',
    known[5] or '1',
    known[6] or '0',
    redis.call('XLEN', entries),
    redis.call('ZCARD', released),
    first and string.match(first[1], '%d+') or '',
    redis.call('ZRANGE', released, 0, 0)[1] or '',
    redis.call('SMEMBERS', received),
    last_will,
    table.concat(sources, '\n'),
    returns,
}
