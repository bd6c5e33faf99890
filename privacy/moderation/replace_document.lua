-- Replaces a document if it is still as the caller read it, and lets it end when it would have ended.
--
-- KEYS[1]  document      ARGV[1]  required present document    ARGV[2]  new document
--
-- Returns 1 if it was replaced, 0 if another process changed it before.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
