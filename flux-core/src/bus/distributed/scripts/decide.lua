-- ARGV: node, generation, version that is replaced, new version, new decision
-- Answers: the word `lost`, the word `other` and the decision that holds, or as `tell` does.
if flux_lost(ARGV[1], ARGV[2]) then return { 'lost' } end
local known = redis.call('HGET', KEYS[6], 'version') or '0'
-- The same once more: the answer to the first time did not arrive.
local again = redis.call('HGET', KEYS[6], 'decision') == ARGV[5]
if known ~= ARGV[3] and not again then return { 'other', redis.call('HGET', KEYS[6], 'decision') or '' } end
redis.call('HSET', KEYS[6], 'version', ARGV[4], 'decision', ARGV[5])
return flux_members({ flux_change('node', ARGV[1], 'generation', ARGV[2], 'decision', ARGV[5]) })
