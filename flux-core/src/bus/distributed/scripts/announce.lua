-- ARGV: node, generation, then topics
-- Answers: the word `lost`, or the place of the change in the feed and then node, generation of every member.
if flux_lost(ARGV[1], ARGV[2]) then return { 'lost' } end
local fields = {}
for at = 3, #ARGV do
    fields[#fields + 1] = 'retained'
    fields[#fields + 1] = ARGV[at]
end
return flux_members({ flux_change('node', ARGV[1], 'generation', ARGV[2], unpack(fields)) })
