-- KEYS: inbox; ARGV: consumer group, then ids
-- Both or nothing: an entry that is acknowledged and not deleted would stay for ever.
for at = 2, #ARGV do
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[at])
    redis.call('XDEL', KEYS[1], ARGV[at])
end
return redis.call('XLEN', KEYS[1])
