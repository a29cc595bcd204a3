-- One batch for one client: all of it, or nothing because the client is another node's.
-- KEYS: session (hash), entries (stream), released (sorted set), received (set), will (hash),
-- brought (sorted set: ids of events that may come twice, by their seq)
-- ARGV: node, epoch (0: none was claimed), number of the batch, seconds that an owner of nothing is remembered, then operations
-- Session: o owner, p epoch, q queue, r record, n next seq, b bytes and c number of entries,
-- s: nodes that had it before and may still have messages for it, t and a: number and answer of the last batch
-- Answer: -1 and the owner, where that is another node; else 1, entries in the queue, next seq, and three numbers for each append: its seq (0: nobody is owed it), seq and bytes of what it
-- displaced (-1 and 0: it was there already)
local session, entries, released, received, will, brought = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local node, epoch, number = ARGV[1], ARGV[2], ARGV[3]
local known = redis.call('HMGET', session, 'o', 'p', 'q', 'n', 'b', 'c', 't')
if known[1] and (known[1] ~= node or (epoch ~= '0' and known[2] ~= epoch)) then
    return {-1, known[1]}
end
-- Its answer was lost, and it comes again.
if known[7] == number then
    local answer = {}
    for part in string.gmatch(redis.call('HGET', session, 'a'), '-?%d+') do
        answer[#answer + 1] = tonumber(part)
    end
    return answer
end

local queue = known[3]
local following, bytes, count = tonumber(known[4] or 1), tonumber(known[5] or 0), tonumber(known[6] or 0)
local exists = false
local appended = {}

local function id(seq)
    return seq .. '-1'
end

local function content(seq)
    local found = redis.call('XRANGE', entries, id(seq), id(seq))[1]
    return found and tonumber(found[2][2]) or 0
end

local function own()
    if not known[1] then
        known[1] = node
        redis.call('HSET', session, 'o', node, 'p', epoch)
        redis.call('PERSIST', session)
    elseif not queue then
        redis.call('PERSIST', session)
    end
end

-- The oldest entry goes; returns its seq and bytes.
local function displace()
    local first = redis.call('XRANGE', entries, '-', '+', 'COUNT', 1)[1]
    local freed = redis.call('ZRANGE', released, 0, 0)[1]
    local seq = first and tonumber(string.match(first[1], '%d+'))
    if freed and (not seq or tonumber(freed) < seq) then
        redis.call('ZREM', released, freed)
        count = count - 1
        return tonumber(freed), 0
    end
    if not seq then
        return 0, 0
    end
    redis.call('XDEL', entries, first[1])
    count = count - 1
    local size = tonumber(first[2][2])
    bytes = bytes - size
    return seq, size
end

-- Takes an entry out of the stream. `size` is what the node remembers of it.
local function take(seq, size)
    if size == '' then
        size = content(seq)
    end
    local gone = redis.call('XDEL', entries, id(seq)) == 1
    if gone then
        bytes, count = bytes - tonumber(size), count - 1
    end
    return gone
end

-- While a session moves, events for it come from the node that has it and from those that had it. Of one that stays those of QoS 2 are
-- known again that its node had stored when it died, and had not taken out of its inbox: only the last can be such.
local function is_double(event)
    if event == '' then
        return false
    end
    if redis.call('ZADD', brought, 'NX', following, event) == 0 then
        return true
    end
    redis.call('EXPIRE', brought, ARGV[4])
    local known_again = redis.call('ZCARD', brought)
    if known_again > 65536 or (known_again > 4096 and redis.call('HEXISTS', session, 's') == 0) then
        redis.call('ZREMRANGEBYRANK', brought, 0, math.floor(known_again / 2))
    end
    return false
end

local at = 5
while at <= #ARGV do
    local operation = ARGV[at]
    if operation == 'q' then -- queue: what follows concerns this one
        exists = queue == ARGV[at + 1]
        at = at + 2
    elseif operation == 'k' then -- seq: entries from here on were never announced, their batch was given up
        local from = tonumber(ARGV[at + 1])
        if exists and following > from then
            for _, entry in ipairs(redis.call('XRANGE', entries, from .. '-0', '+')) do
                bytes, count = bytes - tonumber(entry[2][2]), count - 1
                redis.call('XDEL', entries, entry[1])
            end
            -- Their seqs are given again, and they may come again.
            if redis.call('EXISTS', entries) == 1 then
                redis.call('XSETID', entries, id(from - 1))
            end
            redis.call('ZREMRANGEBYSCORE', brought, from, '+inf')
            following = from
        end
        at = at + 2
    elseif operation == 'a' then -- bytes, displaces, delivery, id of the copy where it may come twice
        local seq, gone, size = 0, 0, 0
        if exists and is_double(ARGV[at + 4]) then
            gone = -1
        elseif exists then
            if ARGV[at + 2] == '1' then
                gone, size = displace()
            end
            seq, following = following, following + 1
            redis.call('XADD', entries, id(seq), 'w', ARGV[at + 1], 'd', ARGV[at + 3])
            bytes, count = bytes + tonumber(ARGV[at + 1]), count + 1
        end
        appended[#appended + 1] = seq
        appended[#appended + 1] = gone
        appended[#appended + 1] = size
        at = at + 5
    elseif operation == 'd' then -- seq, bytes
        if exists and not take(ARGV[at + 1], ARGV[at + 2]) then
            count = count - redis.call('ZREM', released, ARGV[at + 1])
        end
        at = at + 3
    elseif operation == 'l' then -- seq, bytes
        if exists and take(ARGV[at + 1], ARGV[at + 2]) then
            count = count + redis.call('ZADD', released, ARGV[at + 1], ARGV[at + 1])
        end
        at = at + 3
    elseif operation == 'm' then -- packet id
        if exists then
            redis.call('SADD', received, ARGV[at + 1])
        end
        at = at + 2
    elseif operation == 'f' then -- packet id
        if exists then
            redis.call('SREM', received, ARGV[at + 1])
        end
        at = at + 2
    elseif operation == 's' then -- queue, record
        own()
        if queue ~= ARGV[at + 1] then
            redis.call('DEL', entries, released, received, brought)
            queue, following, bytes, count = ARGV[at + 1], 1, 0, 0
        end
        exists = true
        redis.call('HSET', session, 'q', queue, 'r', ARGV[at + 2])
        at = at + 3
    elseif operation == 'x' then -- the session ends
        if exists then
            redis.call('DEL', entries, released, received, brought)
            redis.call('HDEL', session, 'q', 'r', 'n', 'b', 'c', 's', 't', 'a')
            exists, queue, following, bytes, count = false, false, 1, 0, 0
        end
        at = at + 1
    elseif operation == 'c' then -- its queue is emptied
        if exists then
            redis.call('DEL', entries, released, received)
            bytes, count = 0, 0
        end
        at = at + 1
    elseif operation == 'h' then -- epoch: no other node has messages any more from before that claim
        if exists and known[2] == ARGV[at + 1] then
            redis.call('HDEL', session, 's')
            -- What came last may still be in an inbox.
            redis.call('ZREMRANGEBYRANK', brought, 0, -257)
        end
        at = at + 2
    elseif operation == 'w' then -- will
        own()
        redis.call('HSET', will, 'r', ARGV[at + 1])
        at = at + 2
    elseif operation == 'v' then -- no will
        redis.call('DEL', will)
        at = at + 1
    else
        return redis.error_reply('ERR flux: unknown operation ' .. operation)
    end
end

local answer = {1, count, following}
for place, value in ipairs(appended) do
    answer[place + 3] = value
end
if queue then
    redis.call('HSET', session, 'n', following, 'b', bytes, 'c', count, 't', number, 'a', table.concat(answer, ','))
elseif redis.call('EXISTS', will) == 0 then
    if epoch == '0' then
        redis.call('DEL', session)
    else
        -- For a while, so that whoever had it before is refused and does not bring it back.
        redis.call('EXPIRE', session, ARGV[4])
    end
end
return answer
