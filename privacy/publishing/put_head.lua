-- Replaces the latest signed tree head by its successor; of two concurrent signers, the second one fails.
--
-- KEYS  HEADS     hash of signed heads: JSON with the JWS of each
-- ARGV  PREVIOUS  JWS of the latest head required now ('' for none)
--       LATEST    new latest head
--       FIELD     under which the head stays once it is no longer the latest
--
-- Returns 1 when replaced; 0, having changed nothing, when there is another latest head.
local HEADS = KEYS[1]
local PREVIOUS, LATEST, FIELD = unpack(ARGV)

local current = redis.call('HGET', HEADS, 'latest')
if (current and cjson.decode(current).jws or '') ~= PREVIOUS then
  return 0
end
redis.call('HSET', HEADS, 'latest', LATEST, FIELD, LATEST)
return 1
