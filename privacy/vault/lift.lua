-- Brings accounts whose restriction is over back to good standing: only those whose time has come, whoever asks.
--
-- KEYS as in every script of the vault      ARGV[1]  prefix of the accounts' keys    ARGV[2]  id of the caller's outer key
-- ARGV[3]  now in ms    ARGV[4]  pseudonym
--
-- Answers 1 if the restriction was lifted; 0 if there is none that is over.
local stale = check_key(KEYS[5], ARGV[2])
if stale then return stale end
local key, now_ms = ARGV[1] .. ARGV[4], tonumber(ARGV[3])
local standing, burst, day, count = read_account(call('HGET', ACCOUNTS, ARGV[4]))
if standing % HIDDEN ~= RESTRICTED then
  return 0
end
if tonumber(call('HGET', key, UNTIL) or 0) > now_ms then
  return 0
end
call('HSET', ACCOUNTS, ARGV[4], pack_account(standing - RESTRICTED, burst, day, count))
call('HDEL', key, UNTIL)
call('ZREM', KEYS[4], ARGV[4])
return 1
