-- ARGV: node, generation, lease in ms, record
-- Answers: the word `lost`, or the number of the last telling, what is decided of the bus, and then node, generation, record of every member.
roll(tonumber(ARGV[3]))
if flux_lost(ARGV[1], ARGV[2]) then return { 'lost' } end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
local told = redis.call('HGET', KEYS[3] .. ':told', ARGV[1]) or '0'
return flux_members({ told, redis.call('HGET', KEYS[6], 'decision') or '' }, true)
