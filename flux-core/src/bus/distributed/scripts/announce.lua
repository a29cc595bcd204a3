-- ARGV: node, generation, then topics
-- Answers: the word `lost`, or the place of the change in the feed and then node, generation of every member.
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] or not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return { 'lost' } end
local fields = {}
for at = 3, #ARGV do
    fields[#fields + 1] = 'retained'
    fields[#fields + 1] = ARGV[at]
end
local answer = { flux_change('node', ARGV[1], 'generation', ARGV[2], unpack(fields)) }
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if id ~= '' then
        answer[#answer + 1] = id
        answer[#answer + 1] = redis.call('HGET', KEYS[3], id) or '0'
    end
end
return answer
