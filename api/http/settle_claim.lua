-- Ends the claim of one request on its Idempotency-Key, unless the claim lapsed and the key is another request's now.
--
-- KEYS[1]  the record      ARGV[1]  the claim, as this request wrote it
-- ARGV[2]  the record with the answer, or '' to give the key free      ARGV[3]  seconds to keep the answer
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
end
return 1
