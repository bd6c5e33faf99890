-- Applies events to the registers of one account shard and writes the resulting changes to its outbox: one atomic step.
--
-- Takes now_ms and:
--   pseudonyms   of the events, an array
--   events       an array: series, the register of a first like, change; then the next
--   gains        the change of a first like, 12 bytes for each event: series I8, joint code * 16 I4
--   tombstones   8 bytes for each event
--   previous     previous pseudonyms, 16 bytes for each event, or '' while no rotation is under way
--   networks     for each account that names one, pseudonym c16 and network c8
--   imported     true for events from before: their admissions are by the day on which they happened
--   journals     a length of slices, and a row of a journal for each event; then the next: see audiences.lua
--
-- So the caller packs everything that a first like writes: parsing and packing it here would cost more than storing it. A
-- change is 0 for a like, 1 and 5 for an end of it (unliked, correction), 14 for a like without a time of its own, which the
-- burst rule does not see, 15 for a like of an account that is too young. Returns one byte per event: the position of its
-- verdict in privacy.vault.registers.VERDICTS. After an error the events before the one that failed are applied, whole.
--
-- Imported events have admissions of their own, those of a day once: an account's days are imported in their order, and all
-- of them lie before the first one on which it was admitted otherwise; under a monthly cap, in months before that.
-- Field i of an account: the UTC day of its latest import, the latest day that is imported, its admissions, under a monthly cap
-- those of its month, whether its latest like was in a burst, and the times as in ACCOUNTS.
local COUNTED, UNCOUNTED, DUPLICATE, LATE, OVER_CAP, ACCOUNT_CLOSED = '\0', '\1', '\2', '\3', '\4', '\5'
local UNTIMED, TOO_YOUNG = 14, 15
local IMPORT, TIME, TIME_BYTES = '<I3I3I2I2BI6', '<I6', 6
-- No day has as many likes as are needed before a burst, or they never happen shortly before it.
local BURST_MS = BURST_LIKES and BURST_LIKES < DAILY_CAP and 1000 * BURST_SECONDS or 0
local sub, try, is_import = string.sub, redis.pcall, args.imported

local lengths, rows, listed = {}, {}, {}
for place = 1, #args.journals, 2 do
  lengths[#lengths + 1] = args.journals[place]
  rows[#rows + 1], listed[#listed + 1] = args.journals[place + 1], {}
end
local journals, needed = open_journals(lengths)
local refusal = refuse_call(#args.previous > 0 and MIGRATION or {}, { [OUTBOX] = 'xadd', [ACCOUNTS] = 'hmget hset',
  [TOMBSTONES] = 'exists hmget', [FLAGGED] = 'hget hset', [PREFIX] = 'exists hget hmget hset hsetnx' }, needed)
if refusal then return refusal end
local pseudonyms, events, gains, previous = args.pseudonyms, args.events, args.gains, args.previous
local size = #pseudonyms
local verdicts, changes = {}, {}

for index = 1, #previous / 16 do
  migrate_account_key(pseudonyms[index], sub(previous, index * 16 - 15, index * 16))
end

-- Reads many fields of a hash: what they hold, nil where there is none, in the order of the names.
local function read_many(key, names)
  local held = {}
  for first = 1, #names, 1000 do
    local last = math.min(first + 999, #names)
    for index, value in ipairs(call('HMGET', key, spread(names, first, last))) do
      held[first + index - 1] = value or nil
    end
  end
  return held
end

-- All accounts are read at once, and written at once below: a call for each would cost as much as storing a register.
local found, accounts, latest_of, before_of = {}, {}, {}, {}
for index, stored in pairs(read_many(ACCOUNTS, pseudonyms)) do
  local name = pseudonyms[index]
  if not accounts[name] then
    accounts[name], latest_of[name], before_of[name] = split_account(stored)
  end
  found[index] = accounts[name]
end
local closed = {}
if call('EXISTS', TOMBSTONES) == 1 then
  local tombstones = {}
  for index = 1, size do
    tombstones[index] = sub(args.tombstones, index * 8 - 7, index * 8)
  end
  closed = read_many(TOMBSTONES, tombstones)
end

local flagged = {} -- how often an account was found in a burst, for those that were found in one now

-- Takes a like into the times of an account's likes of a day. Kept are the latest one, and before it, 6 bytes each in the order
-- of arrival, those that lie within the time of a burst together with it, up to as many as there are before a burst. Returns
-- the times before the new like, and whether it is in a burst: as many came before it, and all happened shortly before it.
local function add_like(latest, before, at)
  local first, last, kept = latest, at, #before + 1
  if at < latest then first, last = at, latest end
  if last - first >= BURST_MS then
    return '', false
  end
  for position = #before - TIME_BYTES + 1, 1, -TIME_BYTES do
    local other = unpack(TIME, before, position)
    if other < first then first = other end
    if other > last then last = other end
    if last - first >= BURST_MS then break end
    kept = position
  end
  local is_burst = #before + 1 - kept + TIME_BYTES >= TIME_BYTES * BURST_LIKES and last == at
  return sub(before, math.max(kept, #before + 1 - TIME_BYTES * (BURST_LIKES - 2))) .. pack(TIME, latest), is_burst
end

-- Puts the admissions of an account's import in the place of its others.
local function fill_import(account, held)
  account.day, account.count, account.of_month, account.burst = 0, 0, 0, false
  account.latest, account.before = NO_TIME, ''
  if held then
    local _, day, count, of_month, burst, latest, position = unpack(IMPORT, held)
    account.day, account.count, account.of_month, account.burst = day, count, of_month, burst == 1
    account.latest, account.before = latest, sub(held, position)
  end
end

local function pack_import(account)
  local burst = account.burst and 1 or 0
  return pack(IMPORT, TODAY, account.day, account.count, account.of_month, burst, account.latest) .. account.before
end

-- Checks whether a day may be imported that has to lie before another one.
local function is_before(day, other)
  return day < other and (not MONTHLY_CAP or month_of(day) < month_of(other))
end

-- Takes an admission for a like, and its time if it has one. Returns the verdict if it is not to be stored; else nil. Of an
-- account that was admitted by an earlier version, which did not note the first day, nothing is imported.
local function admit_like(account, at, has_time, first_day, import)
  local today = TODAY
  if is_import then
    local open_until = first_day and tonumber(first_day) or (account.day + account.count > 0 and 0 or TODAY)
    fill_import(account, import)
    today = math.floor(at / MS_PER_DAY)
    if today < account.day or not is_before(today, math.min(open_until, TODAY)) then
      return LATE
    end
  end
  if not admit(account, today) then
    return OVER_CAP
  end
  if has_time then
    local was_burst = account.burst
    account.before, account.burst = add_like(account.latest, account.before, at)
    account.latest = at
    if account.burst and not was_burst then
      local name = account.pseudonym
      account.flagged = (flagged[name] or tonumber(call('HGET', FLAGGED, name) or 0)) + 1
    end
  end
end

-- Keeps an account's integer and times, which are written at the end.
local function keep_account(account)
  local name = account.pseudonym
  accounts[name], latest_of[name], before_of[name] = pack_account(account), account.latest, account.before
end

local account = {} -- that of the event at hand

-- Reads the register of an engagement; of an account whose likes are imported, the day of its first admission and its import.
local function read_engagement(key, series)
  if is_import then
    return spread(call('HMGET', key, series, FIRST_DAY, IMPORTED))
  end
  return call('HGET', key, series)
end

-- Writes a register, and what belongs to the admission that it took.
local function write_engagement(account, series, register, is_admitted, is_first)
  if is_admitted and is_import then
    call('HSET', account.key, series, register, IMPORTED, pack_import(account))
  elseif is_first then
    call('HSET', account.key, FIRST_DAY, TODAY, series, register)
  else
    call('HSET', account.key, series, register)
  end
  if is_admitted and not is_import then keep_account(account) end
end

-- Applies an event, whatever there is of its account and its engagement; returns the verdict, and whether the engagement is
-- counted for the first time. All that it reads comes before its one write.
local function apply(pseudonym, is_closed, series, event, change)
  fill_account(account, pseudonym, accounts[pseudonym], latest_of[pseudonym], before_of[pseudonym])
  account.flagged, account.is_moved = nil, nil
  local is_first = account.day + account.count == 0
  local stored, first_day, import = read_engagement(account.key, series)
  if account.status == OBJECTED or (is_closed and not stored) then
    return ACCOUNT_CLOSED
  end
  local liked, was_liked, block, flips = change == 0 or change >= UNTIMED, false, 0, 0
  local at, _, _, _, code = parse_register(event)
  if stored then
    local stored_at, stored_code
    stored_at, was_liked, block, flips, stored_code = parse_register(stored)
    if at < stored_at or (at == stored_at and (liked or not was_liked)) then
      return at == stored_at and liked == was_liked and DUPLICATE or LATE
    end
    if flips > 0 then code = stored_code end -- the cell is fixed when first counted
  end
  account.kept_out = reason_kept_out(account)
  local is_admitted = false
  if liked and flips == 0 then
    if account.hidden then code = UNDISCLOSED end
    -- A new like takes an admission, whether it is counted now or later: one that was stored before has taken it then.
    if not was_liked then
      local has_time = change ~= UNTIMED
      local refused = admit_like(account, at, has_time, first_day, import)
      if refused then
        if account.is_moved then keep_account(account) end
        return refused
      end
      is_admitted = true
      if (has_time and account.burst) or change == TOO_YOUNG then block = INAUTHENTIC end
    end
  end
  local flips_before = flips
  flips, code = settle_register(account, series, liked, block, flips, code, changes, change)
  write_engagement(account, series, pack_register(at, liked, block, flips, code), is_admitted, is_admitted and is_first)
  if account.flagged then flagged[pseudonym] = account.flagged end
  return flips % 2 == 1 and COUNTED or UNCOUNTED, flips_before == 0 and flips == 1
end

-- Writes down, for the audiences, events from one to another that are counted for the first time.
local function list_rows(first, last)
  for place, of_events in ipairs(rows) do
    listed[place][#listed[place] + 1] = sub(of_events, (first - 1) * ROW_BYTES + 1, last * ROW_BYTES)
  end
end

-- Writes down such an event; of a hidden account nobody learns the cell.
local function list_row(index, is_hidden)
  list_rows(index, index)
  for place = 1, is_hidden and #rows or 0 do
    local of_place = listed[place]
    of_place[#of_place] = sub(of_place[#of_place], 1, -5) .. pack('<I4', UNDISCLOSED)
  end
end

-- New likes one after the other, from `first` on: their changes are one piece of what came.
local first = 1
local function end_run(index)
  if first < index then
    changes[#changes + 1] = sub(gains, first * 12 - 11, index * 12 - 12)
    list_rows(first, index - 1)
  end
  first = index + 1
end

-- The integer of an account in good status and no burst that was admitted today, less its counts; what an admission adds to it.
local good_today = pack_account({ of_month = 0, day = TODAY, status = GOOD, count = 0 })
local ADMISSION = 1 + (MONTHLY_CAP and OF_MONTH or 0)
local most_packed = MONTHLY_CAP and MONTHLY_CAP * OF_MONTH or OF_MONTH

local stopped_at, failure
for index = 1, size do
  local pseudonym, series, register, change = pseudonyms[index], events[index * 3 - 2], events[index * 3 - 1], events[index * 3]
  local packed, is_new = accounts[pseudonym], 0
  local at, before, is_burst
  -- Nearly every event is a new like by an account that was admitted today already. For it, `apply` would do this and no
  -- more: `admit` adds one, `add_like` finds no burst, and `settle_register` flips a register that is liked, without a
  -- block, of an account that is not kept out. The register after that flip, and its change, have come with the event.
  if change == 0 and packed and packed < most_packed and not closed[index] and not is_import then
    local count = (MONTHLY_CAP and packed % OF_MONTH or packed) - good_today
    if count > 0 and count < DAILY_CAP then
      at = unpack(TIME, register)
      local since = at - latest_of[pseudonym]
      if since >= BURST_MS or since <= -BURST_MS then
        before = ''
      else
        before, is_burst = add_like(latest_of[pseudonym], before_of[pseudonym], at)
      end
      if not is_burst then is_new = try('HSETNX', PREFIX .. pseudonym, series, register) end
    end
  end
  if is_new == 1 then
    accounts[pseudonym], latest_of[pseudonym] = packed + ADMISSION, at
    if before_of[pseudonym] ~= before then before_of[pseudonym] = before end
    verdicts[index] = COUNTED
  else
    end_run(index)
    local is_done, verdict, is_first = pcall(apply, pseudonym, closed[index], series, register, change)
    if not is_done then
      stopped_at, failure = index, error_from(verdict)
      break
    end
    verdicts[index] = verdict
    if is_first then list_row(index, account.hidden) end
  end
end
if not failure then end_run(size + 1) end

local function write_changed(key, before, after, join)
  local written = {}
  for index = 1, stopped_at or size do
    local pseudonym = pseudonyms[index]
    local number = after[pseudonym]
    if number ~= before[index] then
      written[#written + 1] = pseudonym
      written[#written + 1] = join and join(number, latest_of[pseudonym], before_of[pseudonym]) or number
    end
  end
  call_in_parts('HSET', key, written)
end
write_changed(ACCOUNTS, found, accounts, join_account)
write_changed(FLAGGED, {}, flagged)
write_changes(changes)
for place, length in ipairs(lengths) do
  append_rows(journals, length, table.concat(listed[place]))
end
if failure then return failure end

-- Nothing depends on the networks.
for position = 1, #args.networks, 24 do
  local pseudonym, network = unpack('<c16c8', args.networks, position)
  fill_account(account, pseudonym, accounts[pseudonym])
  if account.status ~= OBJECTED and call('EXISTS', PREFIX .. pseudonym) == 1 then
    call('HSET', PREFIX .. pseudonym, NETWORK, network)
  end
end
return table.concat(verdicts)
