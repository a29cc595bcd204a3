-- Answers node, generation for each node whose sessions others can take over and that is no member.
local answer = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[5] .. '-shared')) do
    if not redis.call('ZSCORE', KEYS[1], id) then
        answer[#answer + 1] = id
        answer[#answer + 1] = redis.call('HGET', KEYS[3], id) or '0'
    end
end
return answer
