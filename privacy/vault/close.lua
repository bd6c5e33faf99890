-- Closes accounts that are erased, whether the store knows of them or not.
--
-- KEYS as in every script of the vault      ARGV[1]  id of the caller's outer key
-- ARGV[2]…  in turn: tombstone, and until when it stands, in ms
local stale = check_key(KEYS[5], ARGV[1])
if stale then return stale end
for place = 2, #ARGV, 2 do
  if tonumber(call('HGET', KEYS[2], ARGV[place]) or 0) < tonumber(ARGV[place + 1]) then
    call('HSET', KEYS[2], ARGV[place], ARGV[place + 1])
  end
end
return 1
