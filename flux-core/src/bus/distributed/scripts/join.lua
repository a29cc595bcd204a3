-- ARGV: node, lease in ms, record
-- Answers: `taken` and for how many ms the lease of the former life runs, or `joined`, the new generation and where the feed stands.
local now = roll(tonumber(ARGV[2]), ARGV[1])
local taken = redis.call('ZSCORE', KEYS[1], ARGV[1])
if taken then return { 'taken', tostring(math.max(1, taken - now)) } end
local generation = redis.call('HINCRBY', KEYS[3], '/', 1)
redis.call('HSET', KEYS[3], ARGV[1], generation)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('SADD', KEYS[5], ARGV[1])
redis.call('SADD', KEYS[5] .. ':' .. ARGV[1], generation)
redis.call('HDEL', KEYS[3] .. ':told', ARGV[1])
return { 'joined', tostring(generation), flux_change('joined', ARGV[1]) }
