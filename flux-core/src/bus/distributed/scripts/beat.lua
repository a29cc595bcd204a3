-- ARGV: node, generation, lease in ms, record
-- Answers: the word `lost`, or the number of the last telling and then node, generation, record of every member.
roll(tonumber(ARGV[3]))
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] or not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return { 'lost' } end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
local answer = { redis.call('HGET', KEYS[3] .. ':told', ARGV[1]) or '0' }
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if id ~= '' then
        answer[#answer + 1] = id
        answer[#answer + 1] = redis.call('HGET', KEYS[3], id) or '0'
        answer[#answer + 1] = redis.call('HGET', KEYS[2], id) or '{}'
    end
end
return answer
