-- ARGV: node, generation
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] or not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 'lost' end
return flux_end(ARGV[1])
