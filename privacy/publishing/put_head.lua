-- Replaces the latest signed tree head by its successor; of two signers, one is too late.
--
-- KEYS  HEADS          hash of signed heads
-- ARGV  LATEST_BEFORE  latest head required now ('' for none)
--       LATEST_AFTER   new latest head
--       FIELD          under which the head stays once it is no longer the latest
--
-- Returns 1 when replaced; 0, having changed nothing, when there is another latest head.
local HEADS = KEYS[1]
local LATEST_BEFORE, LATEST_AFTER, FIELD = unpack(ARGV)

if (redis.call('HGET', HEADS, 'latest') or '') ~= LATEST_BEFORE then
  return 0
end
redis.call('HSET', HEADS, 'latest', LATEST_AFTER, FIELD, LATEST_AFTER)
return 1
