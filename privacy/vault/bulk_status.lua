-- Changes the status of many accounts of one shard, one after the other, for a job: as many as the budget allows, in one
-- atomic step together with the job's progress. A step that was done before is not done again, whoever asks for it.
--
-- Takes now_ms and:
--   job            its number
--   done           how many of its accounts are done
--   cursor         into the next one
--   budget         registers to settle, more or less
--   to             new status
--   allowed_from   the statuses that it may come from
--   accounts       those that are next, 24 bytes each: pseudonym c16, tombstone c8
--   previous       their previous pseudonyms, 16 bytes each, or ''
--
-- Progress is nine numbers: accounts done, 1 if the next one is begun, then how many changed, stayed as they were, were erased
-- before and were not known, and how many engagements are newly uncounted and newly counted; the last is 0. Returns it, and the
-- cursor.
local DONE, BEGUN, CHANGED, STAYED, ERASED, UNKNOWN, UNCOUNTED, COUNTED = 1, 2, 3, 4, 5, 6, 7, 8

local journals, needed = open_all_journals()
local refusal = refuse_call(MIGRATION, SETTLING, needed, { [JOBS] = 'hget hset', [PREFIX] = 'hlen' })
if refusal then return refusal end
local job, cursor, budget = args.job, args.cursor, args.budget
local progress, changes = {}, {}
for number in string.gmatch(call('HGET', JOBS, job) or '0 0 0 0 0 0 0 0 0', '%d+') do
  progress[#progress + 1] = tonumber(number)
end

local function add(index, count)
  progress[index] = progress[index] + count
end

-- Changes the status; returns whether the account's engagements are to be recounted.
local function begin(account, tombstone)
  if call('HEXISTS', TOMBSTONES, tombstone) == 1 then
    add(ERASED, 1)
    return false
  end
  if account.status == args.to or not may_change_status(account) then
    add(STAYED, 1)
    return account.status == args.to
  end
  local is_known = call('HLEN', account.key) > 0
  account.status = args.to
  write_status(account)
  if reason_kept_out(account) then leave_audiences(journals, tombstone) end
  add(CHANGED, 1)
  if not is_known then add(UNKNOWN, 1) end
  return true
end

-- Recounts a page of the account's engagements; returns the cursor of the next page.
local function recount(account)
  local next_cursor, size, written, counted, uncounted = settle_page(account, cursor, args.budget, changes)
  write_page(account, written)
  add(COUNTED, counted)
  add(UNCOUNTED, uncounted)
  budget = budget - size
  return next_cursor
end

-- Goes on with an account: its status first, then a page of its engagements. Returns the cursor of the next page.
local function continue_account(index)
  local pseudonym, tombstone = unpack('<c16c8', args.accounts, index * 24 - 23)
  migrate_account_key(pseudonym, string.sub(args.previous, index * 16 - 15, index * 16))
  local account, follows = read_account(pseudonym), true
  if progress[BEGUN] == 0 then
    follows = begin(account, tombstone)
    progress[BEGUN] = 1
  end
  return follows and recount(account) or '0'
end

local failure
if progress[DONE] == args.done then
  for index = 1, #args.accounts / 24 do
    if budget <= 0 then break end
    budget = budget - 1
    local settled = #changes
    local is_done, result = pcall(continue_account, index)
    if not is_done then
      failure = error_from(result)
      for position = #changes, settled + 1, -1 do
        changes[position] = nil -- of a page that was not written
      end
      break
    end
    cursor = result
    if cursor ~= '0' then break end
    progress[BEGUN] = 0
    add(DONE, 1)
  end
  call('HSET', JOBS, job, table.concat(progress, ' '))
  write_changes(changes)
else
  cursor = '0'
end
progress[#progress + 1] = tonumber(cursor)
return failure or progress
