-- Gives accounts that are still kept under their former pseudonym their new one: one atomic step on one account shard.
--
-- KEYS[1]  outbox      KEYS[2]  tombstones      KEYS[3]  flagged accounts      KEYS[4]  timers      KEYS[5]  id of the outer key
-- KEYS[6]  accounts      KEYS[7]  prefix of accounts under the former pseudonym key
-- ARGV[1]  prefix of the accounts' keys    ARGV[2]  id of the caller's outer key    ARGV[3]  '1' to put that key in force first
-- ARGV[4]  accounts, 32 bytes each: former pseudonym c16, new pseudonym c16
--
-- Answers how many accounts moved.
if ARGV[3] == '1' then
  call('SET', KEYS[5], ARGV[2])
end
local stale = check_key(KEYS[5], ARGV[2])
if stale then return stale end
local prefix, moved = ARGV[1], 0
for position = 1, #ARGV[4], 32 do
  local former, pseudonym = unpack('<c16c16', ARGV[4], position)
  if call('EXISTS', FORMER_PREFIX .. former) == 1 then
    adopt(prefix, pseudonym, former, KEYS[3], KEYS[4])
    moved = moved + 1
  end
end
return moved
