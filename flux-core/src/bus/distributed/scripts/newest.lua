-- KEYS: inbox
-- Answers the id of its newest entry, without what that holds; nothing where it is empty.
local entries = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
return entries[1] and entries[1][1]
