-- Applies events to the registers of one account shard and writes the resulting changes to its outbox: one atomic step.
--
-- Takes now_ms, daily_cap, flip_cap and:
--   pseudonyms   of the events, an array
--   events       an array: series, the register of a first like, change; then the next
--   gains        the change of a first like, 12 bytes for each event: series I8, joint code * 16 I4
--   tombstones   8 bytes for each event
--   previous     previous pseudonyms, 16 bytes for each event, or '' while no rotation is under way
--   networks     for each account that names one, pseudonym c16 and network c8
--   burst_likes, burst_ms   likes in a burst, and its time
--
-- So the caller packs everything that a first like writes: parsing and packing it here would cost more than storing it. A change is 0 for a like, 1 and 5 for an end of it (unliked, correction), 15 for a like of an account that is
-- too young. Returns one byte per event: the position of its verdict in privacy.vault.registers.VERDICTS.
local COUNTED, UNCOUNTED, DUPLICATE, LATE, OVER_CAP, ACCOUNT_CLOSED = '\0', '\1', '\2', '\3', '\4', '\5'
local TOO_YOUNG = 15
local sub = string.sub

local stale = refuse_stale_key()
if stale then return stale end
local BURST_LIKES, BURST_MS = args.burst_likes, args.burst_ms
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

-- Checks whether the like that was just admitted is in a burst: the likes of a day are taken in runs of a given length, and
-- a run that begins too soon after the one before it is uncounted.
local function check_burst(account, at)
  if (account.count - 1) % BURST_LIKES ~= 0 then
    return
  end
  local before = account.count > 1 and call('HGET', account.key, BURST)
  call('HSET', account.key, BURST, string.format('%.0f', at))
  account.burst = before and math.abs(at - tonumber(before)) < BURST_MS
  if account.burst then
    call('HINCRBY', FLAGGED, account.pseudonym, 1)
  end
end

local account = {} -- that of the event at hand

-- Applies an event, whatever there is of its account and its engagement; returns the verdict.
local function apply(pseudonym, is_closed, series, event, change)
  fill_account(account, pseudonym, accounts[pseudonym])
  local stored = call('HGET', account.key, series)
  if account.status == OBJECTED or (is_closed and not stored) then
    return ACCOUNT_CLOSED
  end
  local liked, was_liked, block, flips = change == 0 or change == TOO_YOUNG, false, 0, 0
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
  if liked and flips == 0 then
    if account.hidden then code = UNDISCLOSED end
    -- A new like takes an admission; so does one that was stored before and is counted for the first time now.
    if not was_liked or (block == 0 and not account.kept_out) then
      if not admit(account) then
        return OVER_CAP
      end
      check_burst(account, at)
      if account.burst or change == TOO_YOUNG then block = INAUTHENTIC end
      accounts[pseudonym] = pack_account(account)
    end
  end
  flips, code = settle_register(account, series, liked, block, flips, code, changes, change, true)
  call('HSET', account.key, series, pack_register(at, liked, block, flips, code))
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

-- The integer of an account in good status and no burst that was admitted today, less its count.
local good_today = pack_account({ day = TODAY, burst = false, hidden = false, status = GOOD, count = 0 })

for index = 1, size do
  local pseudonym, series, register, change = pseudonyms[index], events[index * 3 - 2], events[index * 3 - 1], events[index * 3]
  local packed = accounts[pseudonym]
  local count = packed and packed - good_today
  -- Nearly every event is a new like by an account that was admitted today already. For it, `apply` would do this and no
  -- more: `admit` adds one, `check_burst` begins no run, and `settle_register` flips a register that is liked, without a
  -- block, of an account that is not kept out. The register after that flip, and its change, have come with the event.
  if change == 0 and count and count > 0 and count < DAILY_CAP and count % BURST_LIKES ~= 0 and not closed[index]
    and call('HSETNX', PREFIX .. pseudonym, series, register) == 1 then
    accounts[pseudonym] = packed + 1
    verdicts[index] = COUNTED
  else
    end_run(index)
    verdicts[index] = apply(pseudonym, closed[index], series, register, change)
  end
end
end_run(size + 1)

local written = {}
for index = 1, size do
  local pseudonym = pseudonyms[index]
  if accounts[pseudonym] ~= found[index] then
    written[#written + 1] = pseudonym
    written[#written + 1] = accounts[pseudonym]
  end
end
call_in_parts('HSET', ACCOUNTS, written)
for position = 1, #args.networks, 24 do
  local pseudonym, network = unpack('<c16c8', args.networks, position)
  fill_account(account, pseudonym, accounts[pseudonym])
  if account.status ~= OBJECTED and call('EXISTS', PREFIX .. pseudonym) == 1 then
    call('HSET', PREFIX .. pseudonym, NETWORK, network)
  end
end
write_changes(changes)
return table.concat(verdicts)
