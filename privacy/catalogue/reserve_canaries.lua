-- Reserves places for canaries, all that are asked for or none. A script is not rolled back, so everything that could fail is
-- tried before the first write.
--
-- KEYS  CANARIES  sorted set: canaries by the time until which they take a place, in ms
-- ARGV  NOW_MS    now
--       UNTIL_MS  until when new ones take a place
--       PLACES    the greatest number at a time
--       then the ids of the canaries
--
-- Returns 1 when all have a place, and 0 when there are too few.
local call = redis.call
local CANARIES = KEYS[1]
local NOW_MS, UNTIL_MS, PLACES = unpack(ARGV, 1, 3)
local FIRST_ID = 4
local new, seen = {}, {}

if not (redis.acl_check_cmd('ZADD', CANARIES, '0', '0') and redis.acl_check_cmd('PEXPIRE', CANARIES, '0')
  and redis.acl_check_cmd('ZREMRANGEBYSCORE', CANARIES, '0', '0')) then
  return redis.error_reply('NOPERM places may not be written')
end
for index = FIRST_ID, #ARGV do
  local id = ARGV[index]
  local until_ms = tonumber(call('ZSCORE', CANARIES, id) or 0)
  if until_ms <= tonumber(NOW_MS) and not seen[id] then
    new[#new + 1], seen[id] = id, true
  end
end
if call('ZCOUNT', CANARIES, '(' .. NOW_MS, '+inf') + #new > tonumber(PLACES) then
  return 0
end
if #new > 0 then
  call('ZREMRANGEBYSCORE', CANARIES, '-inf', NOW_MS)
end
for _, id in ipairs(new) do
  call('ZADD', CANARIES, UNTIL_MS, id)
end
if #new > 0 then
  call('PEXPIRE', CANARIES, string.format('%.0f', UNTIL_MS - NOW_MS))
end
return 1
