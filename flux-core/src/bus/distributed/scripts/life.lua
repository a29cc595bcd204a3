-- Adds an entry to the change feed. Its number tells a reader whether it has missed one.
local function flux_change(...)
    local number = redis.call('HINCRBY', KEYS[3], '', 1)
    return redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*', '#', number, ...)
end

-- A node's life is over: only its durable routes stay.
local function flux_end(id)
    local generation = redis.call('HGET', KEYS[3], id) or '0'
    redis.call('ZREM', KEYS[1], id)
    redis.call('HDEL', KEYS[2], id)
    redis.call('UNLINK', KEYS[5] .. ':' .. id .. ':' .. generation .. ':live')
    return flux_change('gone', id)
end

-- Whether Redis does not know this life of a node, or not any more.
local function flux_lost(id, generation)
    return redis.call('HGET', KEYS[3], id) ~= generation or not redis.call('ZSCORE', KEYS[1], id)
end

-- Adds node and generation of every member to an answer, and the record of each where the caller wants it.
local function flux_members(answer, with_record)
    for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        if id ~= '' then
            answer[#answer + 1] = id
            answer[#answer + 1] = redis.call('HGET', KEYS[3], id) or '0'
            if with_record then answer[#answer + 1] = redis.call('HGET', KEYS[2], id) or '{}' end
        end
    end
    return answer
end
