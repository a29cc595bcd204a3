-- ARGV: node, generation, number of this telling, then subscription and terms (empty: the route is taken back) in turns
-- Answers: the word `lost`, or the place of the change in the feed and then node, generation of every member.
if flux_lost(ARGV[1], ARGV[2]) then return { 'lost' } end
local routes = KEYS[5] .. ':' .. ARGV[1] .. ':' .. ARGV[2]
local fields = {}
for at = 4, #ARGV, 2 do
    local subscription, terms = ARGV[at], ARGV[at + 1]
    local kept, other = routes .. ':live', routes .. ':durable'
    if string.find(terms, ' durable ', 1, true) then kept, other = other, kept end
    redis.call('HDEL', other, subscription)
    if terms == '' then
        redis.call('HDEL', kept, subscription)
        fields[#fields + 1] = '-' .. subscription
    else
        redis.call('HSET', kept, subscription, terms)
        fields[#fields + 1] = '+' .. subscription
    end
    fields[#fields + 1] = terms
end
redis.call('HSET', KEYS[3] .. ':told', ARGV[1], ARGV[3])
return flux_members({ flux_change('node', ARGV[1], 'generation', ARGV[2], unpack(fields)) })
