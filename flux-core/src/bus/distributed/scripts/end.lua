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
