-- KEYS: inbox, who drains it, generation that reads it; ARGV: drainer, ms that it may be silent, generation of the dead node, where to
-- read on, entries wanted, consumer group, then ids of entries that are done
-- Answers nothing where another drains it or its node is back; else the next entries.
if tonumber(redis.call('GET', KEYS[3]) or '0') > tonumber(ARGV[3]) then return false end
local drainer = redis.call('GET', KEYS[2])
if drainer and drainer ~= ARGV[1] then return false end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for at = 7, #ARGV do
    redis.call('XACK', KEYS[1], ARGV[6], ARGV[at])
    redis.call('XDEL', KEYS[1], ARGV[at])
end
if ARGV[5] == '0' then return {} end
return redis.call('XRANGE', KEYS[1], ARGV[4], '+', 'COUNT', ARGV[5])
