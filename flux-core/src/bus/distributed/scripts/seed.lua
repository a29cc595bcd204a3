-- ARGV: version, decision
-- Answers the decision that holds: this one where there is none, or an older one that Redis has fallen back to.
if tonumber(redis.call('HGET', KEYS[6], 'version') or '0') < tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[6], 'version', ARGV[1], 'decision', ARGV[2])
end
return redis.call('HGET', KEYS[6], 'decision')
