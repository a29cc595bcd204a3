-- ARGV: node, generation
if flux_lost(ARGV[1], ARGV[2]) then return 'lost' end
return flux_end(ARGV[1])
