-- ARGV: node, generation
-- The node has told all that its durable subscribers ask for: what its former lives have left is void.
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then return 'lost' end
local lives = KEYS[5] .. ':' .. ARGV[1]
for _, generation in ipairs(redis.call('SMEMBERS', lives)) do
    if generation ~= ARGV[2] then
        redis.call('UNLINK', lives .. ':' .. generation .. ':live', lives .. ':' .. generation .. ':durable')
        redis.call('SREM', lives, generation)
    end
end
return flux_change('returned', ARGV[1], 'generation', ARGV[2])
