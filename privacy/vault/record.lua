-- Applies events to the registers of one account shard and writes the resulting changes to its outbox: one atomic step.
--
-- Takes now_ms and:
--   pseudonyms   of the events, an array
--   events       an array: series, the register of a first like, change; then the next
--   gains        the change of a first like, 12 bytes for each event: series I8, joint code * 16 I4
--   tombstones   8 bytes for each event
--   previous     previous pseudonyms, 16 bytes for each event, or '' while no rotation is under way
--   networks     for each account that names one, pseudonym c16 and network c8
--
-- So the caller packs everything that a first like writes: parsing and packing it here would cost more than storing it. A
-- change is 0 for a like, 1 and 5 for an end of it (unliked, correction), 14 for a like without a time of its own, which the
-- burst rule does not see, 15 for a like of an account that is too young. Returns one byte per event: the position of its
-- verdict in privacy.vault.registers.VERDICTS. After an error the events before the one that failed are applied, whole.
local COUNTED, UNCOUNTED, DUPLICATE, LATE, OVER_CAP, ACCOUNT_CLOSED = '\0', '\1', '\2', '\3', '\4', '\5'
local UNTIMED, TOO_YOUNG = 14, 15
local sub, try = string.sub, redis.pcall

local refusal = refuse_call(#args.previous > 0 and MIGRATION or {}, { [OUTBOX] = 'xadd', [ACCOUNTS] = 'hmget hset',
  [TOMBSTONES] = 'exists hmget', [FLAGGED] = 'hget hset', [PREFIX] = 'exists hget hset hsetnx' })
if refusal then return refusal end
local pseudonyms, events, gains, previous = args.pseudonyms, args.events, args.gains, args.previous
local size = #pseudonyms
local verdicts, changes = {}, {}

for index = 1, #previous / 16 do
  migrate_account_key(pseudonyms[index], sub(previous, index * 16 - 15, index * 16))
end

-- Reads many fields of a hash: the numbers that they hold, nil where there is none, in the order of the names.
local function read_numbers(key, names)
  local numbers = {}
  for first = 1, #names, 1000 do
    local last = math.min(first + 999, #names)
    for index, value in ipairs(call('HMGET', key, spread(names, first, last))) do
      numbers[first + index - 1] = value and tonumber(value) or nil
    end
  end
  return numbers
end

-- All accounts are read at once, and written at once below: a call for each would cost as much as storing a register.
local found, accounts = read_numbers(ACCOUNTS, pseudonyms), {}
for index = 1, size do
  accounts[pseudonyms[index]] = found[index]
end
local closed = {}
if call('EXISTS', TOMBSTONES) == 1 then
  local tombstones = {}
  for index = 1, size do
    tombstones[index] = sub(args.tombstones, index * 8 - 7, index * 8)
  end
  closed = read_numbers(TOMBSTONES, tombstones)
end

local flagged = {} -- how often an account was found in a burst, for those that were found in one now

-- Returns whether a like is close to the first one of its run: not before it, and soon after it.
local function is_close(at, began)
  began = tonumber(began)
  return began ~= nil and at >= began and at - began < 1000 * BURST_SECONDS
end

-- Checks whether the like that was just admitted is in a burst. The likes of a day that have a time are taken in runs of a
-- given length, as they come. A run is uncounted if its first like and all of the run before are close to the first of that.
local function check_burst(account, at)
  local timed = account.count - account.untimed
  account.close = account.close and timed > 1 and is_close(at, call('HGET', account.key, BURST))
  if (timed - 1) % BURST_LIKES ~= 0 then
    return
  end
  account.burst, account.close = account.close, true
  account.burst_began = string.format('%.0f', at)
  if account.burst then
    local name = account.pseudonym
    account.flagged = (flagged[name] or tonumber(call('HGET', FLAGGED, name) or 0)) + 1
  end
end

local account = {} -- that of the event at hand

-- Applies an event, whatever there is of its account and its engagement; returns the verdict. All that it reads comes before
-- its one write.
local function apply(pseudonym, is_closed, series, event, change)
  fill_account(account, pseudonym, accounts[pseudonym])
  account.burst_began, account.flagged, account.is_moved = nil, nil, nil
  local stored = call('HGET', account.key, series)
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
    -- A new like takes an admission; so does one that was stored before and is counted for the first time now.
    if not was_liked or (block == 0 and not account.kept_out) then
      local is_first, has_time = not accounts[pseudonym], change ~= UNTIMED
      is_admitted = admit(account, has_time)
      if not is_admitted then
        if account.is_moved then accounts[pseudonym] = pack_account(account) end
        return OVER_CAP
      end
      if has_time then
        check_burst(account, at)
        if account.burst or change == TOO_YOUNG then block = INAUTHENTIC end
      elseif is_first then
        account.burst_began = '0' -- no burst: it is what the first admission leaves
      end
    end
  end
  flips, code = settle_register(account, series, liked, block, flips, code, changes, change, true)
  local register = pack_register(at, liked, block, flips, code)
  if account.burst_began then
    call('HSET', account.key, BURST, account.burst_began, series, register)
  else
    call('HSET', account.key, series, register)
  end
  if is_admitted then accounts[pseudonym] = pack_account(account) end
  if account.flagged then flagged[pseudonym] = account.flagged end
  return flips % 2 == 1 and COUNTED or UNCOUNTED
end

-- New likes one after the other, from `first` on: their changes are one piece of what came.
local first = 1
local function end_run(index)
  if first < index then
    changes[#changes + 1] = sub(gains, first * 12 - 11, index * 12 - 12)
  end
  first = index + 1
end

-- The integer of an account in good status and no burst that was admitted today, all at times of their own, less its count;
-- and what is added while the likes of its current run are close to the first.
local good_today = pack_account({ untimed = 0, day = TODAY, status = GOOD, count = 0 })
local CLOSE = pack_account({ untimed = 0, close = true, day = 0, status = GOOD, count = 0 })

local stopped_at, failure
for index = 1, size do
  local pseudonym, series, register, change = pseudonyms[index], events[index * 3 - 2], events[index * 3 - 1], events[index * 3]
  local packed = accounts[pseudonym]
  local count = packed and packed - good_today
  local is_new = 0
  -- A like that is not close to the first of its run ends that: no later one of the run has to be compared.
  if change == 0 and count and count > CLOSE and count < CLOSE + DAILY_CAP then
    local began = try('HGET', PREFIX .. pseudonym, BURST)
    if type(began) ~= 'table' and not is_close(unpack('<I6', register), began) then
      packed, count = packed - CLOSE, count - CLOSE
    end
  end
  -- Nearly every event is a new like by an account that was admitted today already. For it, `apply` would do this and no
  -- more: `admit` adds one, `check_burst` begins no run, and `settle_register` flips a register that is liked, without a
  -- block, of an account that is not kept out. The register after that flip, and its change, have come with the event.
  if change == 0 and count and count > 0 and count < DAILY_CAP and count % BURST_LIKES ~= 0 and not closed[index] then
    is_new = try('HSETNX', PREFIX .. pseudonym, series, register)
  end
  if is_new == 1 then
    accounts[pseudonym] = packed + 1
    verdicts[index] = COUNTED
  else
    end_run(index)
    local is_done, verdict = pcall(apply, pseudonym, closed[index], series, register, change)
    if not is_done then
      stopped_at, failure = index, error_from(verdict)
      break
    end
    verdicts[index] = verdict
  end
end
if not failure then end_run(size + 1) end

local function write_changed(key, before, after)
  local written = {}
  for index = 1, stopped_at or size do
    local pseudonym = pseudonyms[index]
    if after[pseudonym] ~= before[index] then
      written[#written + 1] = pseudonym
      written[#written + 1] = after[pseudonym]
    end
  end
  call_in_parts('HSET', key, written)
end
write_changed(ACCOUNTS, found, accounts)
write_changed(FLAGGED, {}, flagged)
write_changes(changes)
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
