-- KEYS: leases, members, generations, feed, nodes
-- Leases run by Redis' clock, and only while anybody renews one: after Redis itself was away nobody is dead for it.
-- Whoever lives then has to connect again first, which takes as long as REDIS_BACKOFF_MOST: a lease that had almost run out would end.
-- Not so for who joins: its former life is over as soon as it can be.
local function roll(lease, joining)
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local last = tonumber(redis.call('ZSCORE', KEYS[1], '') or now)
    local pause = now - last
    if pause > lease / 2 then
        for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
            if id == joining then
                redis.call('ZINCRBY', KEYS[1], pause, id)
            elseif id ~= '' then
                redis.call('ZADD', KEYS[1], now + 2 * lease, id)
            end
        end
    end
    redis.call('ZADD', KEYS[1], now, '')
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
        if id ~= '' then flux_end(id) end
    end
    return now
end
