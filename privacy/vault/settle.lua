-- Sets the standing of an account, and lets its engagements follow: those that should stand rise, those that should not fall.
-- One atomic step over some of its registers; called again with the cursor until that is 0. Doing it again changes nothing.
--
-- KEYS[1]  outbox      KEYS[2]  tombstones      KEYS[3]  flagged accounts      KEYS[4]  timers      KEYS[5]  id of the outer key
-- KEYS[6]  accounts      KEYS[7]  prefix of accounts under the former pseudonym key
-- ARGV[1]  prefix of the accounts' keys    ARGV[2]  id of the caller's outer key    ARGV[3]  pseudonym    ARGV[4]  former
-- pseudonym or ''    ARGV[5]  now in ms    ARGV[6]  daily cap M    ARGV[7]  flip cap w    ARGV[8]  cursor, '0' at first
-- ARGV[9]  registers to look at    ARGV[10]  new standing, or '' to leave it    ARGV[11]  standings it may come from, comma
-- separated, or '' for any    ARGV[12]  when the timer of the new standing is due, or '' for none
-- ARGV[13]  tombstone of the account
--
-- ARGV[14]  1 to keep the account out of every breakdown from now on, 0 for no longer, '' to leave it
--
-- Answers next cursor, standing before, how many rose, how many fell, how many found the day full, 1 if anything was held of
-- the account before, and the end of its restriction until now, 0 for none, and 1 if it was hidden until now.
-- Cursor -1: the account is erased. Cursor -2: it may not come from the standing that it has; nothing was changed.
local MS_PER_DAY = 86400000

local stale = check_key(KEYS[5], ARGV[2])
if stale then return stale end
local prefix, pseudonym = ARGV[1], ARGV[3]
local key = prefix .. pseudonym
local now_ms, daily_cap, flip_cap = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local today = math.floor(now_ms / MS_PER_DAY)
adopt(prefix, pseudonym, ARGV[4], KEYS[3], KEYS[4])
if call('HEXISTS', KEYS[2], ARGV[13]) == 1 then
  return { -1, 0, 0, 0, 0, 0, 0, 0 }
end

local standing, burst, day, count = read_account(call('HGET', ACCOUNTS, pseudonym))
local before = standing % HIDDEN
local hidden_before = standing >= HIDDEN and 1 or 0
local known = call('EXISTS', key)
local until_before = tonumber(call('HGET', key, UNTIL) or 0)
if ARGV[14] ~= '' then
  standing = before + tonumber(ARGV[14]) * HIDDEN
  call('HSET', ACCOUNTS, pseudonym, pack_account(standing, burst, day, count))
  call('HSET', key, SINCE, ARGV[5])
end
if ARGV[10] ~= '' then
  if ARGV[11] ~= '' and not string.find(',' .. ARGV[11] .. ',', ',' .. before .. ',', 1, true) then
    return { -2, before, 0, 0, 0, known, until_before, hidden_before }
  end
  standing = standing - before + tonumber(ARGV[10])
  call('HSET', ACCOUNTS, pseudonym, pack_account(standing, burst, day, count))
  call('HSET', key, SINCE, ARGV[5])
  if standing % HIDDEN == RESTRICTED then
    call('HSET', key, UNTIL, ARGV[12])
  else
    call('HDEL', key, UNTIL)
  end
  if ARGV[12] ~= '' then
    call('ZADD', KEYS[4], ARGV[12], pseudonym)
  else
    call('ZREM', KEYS[4], pseudonym)
  end
end

local kept_out = account_block(key, standing, now_ms)
local page = call('HSCAN', key, ARGV[8], 'COUNT', ARGV[9])
local changes, rose, fell, full = {}, 0, 0, 0
day, count, rose, fell, full =
  follow(key, page[2], standing, kept_out, day, count, today, daily_cap, flip_cap, changes)
if #changes > 0 then
  call('HSET', ACCOUNTS, pseudonym, pack_account(standing, burst, day, count))
  call('XADD', KEYS[1], '*', 'c', table.concat(changes))
end
return { tonumber(page[1]), before, rose, fell, full, known, until_before, hidden_before }
