-- Drops registers of sealed targets, which count nowhere any more, and an account that is idle and has no registers left.
--
-- KEYS as in every script of the vault      ARGV[1]  name of the account's hash    ARGV[2]  pseudonym
-- ARGV[3]  idle if nothing was heard of it since then, in ms; then the series that are sealed
--
-- Answers how many registers were dropped, and 1 if the account is gone.
local MS_PER_DAY = 86400000
local key, idle_since, dropped = ARGV[1], tonumber(ARGV[3]), 0
for place = 4, #ARGV do
  dropped = dropped + call('HDEL', key, ARGV[place])
end
local own = 0
for _, held in ipairs(call('HMGET', key, UNTIL, BURST, NETWORK, SINCE)) do
  if held then own = own + 1 end
end
local _, _, day = read_account(call('HGET', ACCOUNTS, ARGV[2]))
local since = tonumber(call('HGET', key, SINCE) or 0)
local is_idle = call('HLEN', key) == own and (day + 1) * MS_PER_DAY < idle_since and since < idle_since
if not is_idle or call('ZSCORE', KEYS[4], ARGV[2]) then
  return { dropped, 0 }
end
call('HDEL', KEYS[3], ARGV[2])
call('HDEL', ACCOUNTS, ARGV[2])
call('DEL', key)
return { dropped, 1 }
