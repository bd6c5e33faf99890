-- The minimum work of exactly-once intake: deduplicate events, in hashes small enough to stay packed.
--
-- KEYS[1]  prefix of the hashes      ARGV[1]  events, 24 bytes each: account c16, target I8
local call, unpack = redis.call, struct.unpack
local prefix, events = KEYS[1], ARGV[1]
local fresh = 0
for position = 1, #events, 24 do
  local account, target = unpack('<c16I8', events, position)
  fresh = fresh + call('HSETNX', prefix .. account, target, 1)
end
return fresh
