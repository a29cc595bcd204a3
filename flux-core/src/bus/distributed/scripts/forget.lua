-- ARGV: node, generation, whether its inbox is known to be empty
-- Nobody is owed anything through a dead node any more: its routes are void and, once all know that and its inbox is empty, its name.
-- Answers the word `alive`, or 1.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) or redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 'alive' end
local lives = KEYS[5] .. ':' .. ARGV[1]
for _, generation in ipairs(redis.call('SMEMBERS', lives)) do
    redis.call('UNLINK', lives .. ':' .. generation .. ':live', lives .. ':' .. generation .. ':durable')
end
redis.call('UNLINK', lives)
redis.call('SREM', KEYS[5], ARGV[1])
if ARGV[3] == '1' then
    redis.call('SREM', KEYS[5] .. '-shared', ARGV[1])
else
    flux_change('forgotten', ARGV[1])
end
return 1
