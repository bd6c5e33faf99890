-- Gives a standing to many accounts of one shard, one after the other, for a job: as many as the budget allows, in one atomic
-- step together with the job's progress. A step that was done before is not done again, whoever asks for it.
--
-- KEYS[1]  outbox      KEYS[2]  tombstones      KEYS[3]  flagged accounts      KEYS[4]  timers      KEYS[5]  id of the outer key
-- KEYS[6]  accounts      KEYS[7]  prefix of accounts under the former pseudonym key      KEYS[8]  progress of the jobs on this shard
-- ARGV[1]  prefix of the accounts' keys    ARGV[2]  id of the caller's outer key    ARGV[3]  now in ms    ARGV[4]  daily cap M
-- ARGV[5]  flip cap w    ARGV[6]  job    ARGV[7]  how many of its accounts are done    ARGV[8]  cursor into the next one
-- ARGV[9]  budget: registers to look at, more or less    ARGV[10] new standing    ARGV[11] standings it may come from
-- ARGV[12] the accounts that are next, 24 bytes each: pseudonym c16, tombstone c8    ARGV[13] their former pseudonyms, or ''
--
-- Progress is nine numbers: accounts done, 1 if the next one is begun, then how many moved, stayed as they were, were erased
-- before and were not known, and how many engagements fell, rose and found the day full. Answers it, and the cursor.
local MS_PER_DAY = 86400000
local DONE, BEGUN, MOVED, UNMOVED, ERASED, UNKNOWN, FELL, ROSE, FULL = 1, 2, 3, 4, 5, 6, 7, 8, 9

local stale = check_key(KEYS[5], ARGV[2])
if stale then return stale end
local prefix, job, cursor, budget = ARGV[1], ARGV[6], ARGV[8], tonumber(ARGV[9])
local now_ms, daily_cap, flip_cap = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local to, allowed, accounts, formers = tonumber(ARGV[10]), ',' .. ARGV[11] .. ',', ARGV[12], ARGV[13]
local today = math.floor(now_ms / MS_PER_DAY)
local progress, changes = {}, {}
for number in string.gmatch(call('HGET', KEYS[8], job) or '0 0 0 0 0 0 0 0 0', '%d+') do
  progress[#progress + 1] = tonumber(number)
end

local function add(place, count)
  progress[place] = progress[place] + count
end

-- Set the standing; whether the account's engagements are to follow.
local function begin(key, pseudonym, tombstone)
  if call('HEXISTS', KEYS[2], tombstone) == 1 then
    add(ERASED, 1)
    return false
  end
  local standing, burst, day, count = read_account(call('HGET', ACCOUNTS, pseudonym))
  local before = standing % HIDDEN
  if before == to or not string.find(allowed, ',' .. before .. ',', 1, true) then
    add(UNMOVED, 1)
    return before == to
  end
  add(MOVED, 1)
  if call('EXISTS', key) == 0 then add(UNKNOWN, 1) end
  call('HSET', ACCOUNTS, pseudonym, pack_account(standing - before + to, burst, day, count))
  call('HSET', key, SINCE, ARGV[3])
  call('HDEL', key, UNTIL)
  call('ZREM', KEYS[4], pseudonym)
  return true
end

-- Let a page of the account's engagements follow; the cursor of the next page.
local function settle(key, pseudonym)
  local standing, burst, day, count = read_account(call('HGET', ACCOUNTS, pseudonym))
  local page, before = call('HSCAN', key, cursor, 'COUNT', ARGV[9]), #changes
  local rose, fell, full
  day, count, rose, fell, full = follow(key, page[2], standing, account_block(key, standing, now_ms), day, count,
    today, daily_cap, flip_cap, changes)
  if #changes > before then
    call('HSET', ACCOUNTS, pseudonym, pack_account(standing, burst, day, count))
  end
  add(ROSE, rose)
  add(FELL, fell)
  add(FULL, full)
  budget = budget - #page[2] / 2
  return page[1]
end

if progress[DONE] == tonumber(ARGV[7]) then
  for index = 1, #accounts / 24 do
    if budget <= 0 then break end
    budget = budget - 1
    local pseudonym, tombstone = unpack('<c16c8', accounts, (index - 1) * 24 + 1)
    local key, follows = prefix .. pseudonym, true
    if formers ~= '' then
      adopt(prefix, pseudonym, string.sub(formers, index * 16 - 15, index * 16), KEYS[3], KEYS[4])
    end
    if progress[BEGUN] == 0 then
      follows = begin(key, pseudonym, tombstone)
      progress[BEGUN] = 1
    end
    cursor = follows and settle(key, pseudonym) or '0'
    if cursor ~= '0' then break end
    progress[BEGUN] = 0
    add(DONE, 1)
  end
  call('HSET', KEYS[8], job, table.concat(progress, ' '))
  if #changes > 0 then
    call('XADD', KEYS[1], '*', 'c', table.concat(changes))
  end
else
  cursor = '0'
end
progress[#progress + 1] = tonumber(cursor)
return progress
