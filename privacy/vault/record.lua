-- Applies events to the registers of one account shard and writes the resulting changes to its outbox: one atomic step.
--
-- KEYS[1]  outbox stream of the shard      KEYS[2]  tombstones      KEYS[3]  flagged accounts      KEYS[4]  timers
-- KEYS[5]  id of the outer key      KEYS[6]  accounts      KEYS[7]  prefix of accounts under the former pseudonym key
-- Every key of an account has the same hash tag.
-- ARGV[1]  prefix of the accounts' keys; the 16 raw bytes of the pseudonym follow it
-- ARGV[2]  id of the caller's outer key    ARGV[3]  now in ms    ARGV[4]  daily cap M    ARGV[5]  flip cap w
-- ARGV[6]  likes in a burst    ARGV[7]  its ms
-- ARGV[8]  pseudonyms of the events, a MessagePack array
-- ARGV[9]  events, a MessagePack array: series, the register of a first like, change; then the next
-- ARGV[10] the change of a first like, 12 bytes for each event: series I8, joint code * 16 I4
-- ARGV[11] tombstones, 8 bytes for each event
-- ARGV[12] former pseudonyms, 16 bytes for each event, or '' while no rotation is under way
-- ARGV[13] networks: for each account that names one, pseudonym c16 and network c8
--
-- So whatever a first like writes has come as it is written: taking it apart and packing it here would cost more than
-- storing it. A change is 0 for a like, 1 and 5 for an end of it (unliked, correction), 6 for a like of an account that is
-- too young. Answers one byte an event: the position of its verdict in privacy.vault.registers.VERDICTS.
local COUNTED, UNCOUNTED, DUPLICATE, LATE, OVER_CAP, CLOSED = '\0', '\1', '\2', '\3', '\4', '\5'
local TOO_YOUNG = 6
local sub = string.sub
local MS_PER_DAY = 86400000

local stale = check_key(KEYS[5], ARGV[2])
if stale then return stale end
local prefix, now_ms = ARGV[1], tonumber(ARGV[3])
local daily_cap, flip_cap = tonumber(ARGV[4]), tonumber(ARGV[5])
local burst_likes, burst_ms = tonumber(ARGV[6]), tonumber(ARGV[7])
local pseudonyms, events = cmsgpack.unpack(ARGV[8]), cmsgpack.unpack(ARGV[9])
local gained, formers, size = ARGV[10], ARGV[12], #pseudonyms
local today = math.floor(now_ms / MS_PER_DAY)
local verdicts, changes = {}, {}
-- What an account's integer is less its count if it was admitted today, is in good standing and in no burst.
local good_today = today * 2 * 16 * 65536

for index = 1, #formers / 16 do
  adopt(prefix, pseudonyms[index], sub(formers, index * 16 - 15, index * 16), KEYS[3], KEYS[4])
end
-- All accounts are read at once, and written at once below: a call for each would cost as much as storing a register.
local found, accounts = read_numbers(ACCOUNTS, pseudonyms), {}
for index = 1, size do
  accounts[pseudonyms[index]] = found[index]
end
local closed = {}
if call('EXISTS', KEYS[2]) == 1 then
  local tombstones = {}
  for index = 1, size do
    tombstones[index] = sub(ARGV[11], index * 8 - 7, index * 8)
  end
  closed = read_numbers(KEYS[2], tombstones)
end

-- A burst: likes of a day are taken in runs of so many; a run that begins too soon after the one before it is uncounted.
local function in_burst(key, pseudonym, count, burst, at)
  if (count - 1) % burst_likes ~= 0 then
    return burst
  end
  local before = count > 1 and call('HGET', key, BURST)
  call('HSET', key, BURST, string.format('%.0f', at))
  burst = before and math.abs(at - tonumber(before)) < burst_ms
  if burst then
    call('HINCRBY', KEYS[3], pseudonym, 1)
  end
  return burst
end

-- Applies an event, whatever there is of its account and its engagement; answers the verdict.
local function apply(key, pseudonym, is_closed, series, at, change, code)
  local stored = call('HGET', key, series)
  local standing, burst, day, count = read_account(accounts[pseudonym])
  local liked = change == 0 or change == TOO_YOUNG
  local was_liked, block, flips, verdict = false, 0, 0, nil
  if stored then
    local stored_at, stored_code
    stored_at, was_liked, block, flips, stored_code = read_register(stored)
    if flips > 0 then code = stored_code end -- the cell is fixed when first counted
    if at < stored_at or (at == stored_at and (liked or not was_liked)) then
      verdict = (at == stored_at and liked == was_liked) and DUPLICATE or LATE
    end
  elseif is_closed then
    verdict = CLOSED
  end
  if standing % HIDDEN == OBJECTED then verdict = CLOSED end
  if not verdict then
    local kept_out = account_block(key, standing, now_ms)
    local stands = flips % 2 == 1
    if liked and flips == 0 then
      if standing >= HIDDEN then code = UNDISCLOSED end
      -- What is new takes an admission, and so does what was kept before and is counted for the first time now.
      if not was_liked or (block == 0 and not kept_out) then
        day, count = admit(day, count, today, daily_cap)
        if not day then
          verdict = OVER_CAP
        else
          burst = in_burst(key, pseudonym, count, burst, at)
          if burst or change == TOO_YOUNG then block = INAUTHENTIC end
          accounts[pseudonym] = pack_account(standing, burst, day, count)
        end
      end
    end
    if not verdict then
      local should_stand = liked and block == 0 and not kept_out
      -- w is even, so what stands may still fall: also when w was larger once, and it stands past today's w.
      if should_stand ~= stands and (stands or flips < flip_cap) then
        flips = flips + 1
        stands = not stands
        local why = 0
        if not stands then
          why = (not liked and change) or (block > 0 and block) or kept_out
        end
        changes[#changes + 1] = pack('<I8I4', series, code * 16 + why)
      end
      call('HSET', key, series, pack_register(at, liked, block, flips, code))
      verdict = stands and COUNTED or UNCOUNTED
    end
  end
  return verdict
end

-- New likes one after the other, from `first` on: their changes are one piece of what came.
local first = 1
local function end_run(index)
  if first < index then
    changes[#changes + 1] = sub(gained, first * 12 - 11, index * 12 - 12)
  end
  first = index + 1
end

for index = 1, size do
  local place, pseudonym = index * 3, pseudonyms[index]
  local series, register, change = events[place - 2], events[place - 1], events[place]
  local key, account = prefix .. pseudonym, accounts[pseudonym]
  local count = account and account - good_today
  -- Nearly every event is a new like by an account that was admitted today already: the whole of what `apply` does for it.
  if change == 0 and count and count > 0 and count < daily_cap and count % burst_likes ~= 0 and not closed[index]
    and call('HSETNX', key, series, register) == 1 then
    accounts[pseudonym] = account + 1
    verdicts[index] = COUNTED
  else
    end_run(index)
    local at, _, _, _, code = read_register(register)
    verdicts[index] = apply(key, pseudonym, closed[index], series, at, change, code)
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
write_fields(ACCOUNTS, written)
for position = 1, #ARGV[13], 24 do
  local pseudonym, network = unpack('<c16c8', ARGV[13], position)
  if call('EXISTS', prefix .. pseudonym) == 1 then
    call('HSET', prefix .. pseudonym, NETWORK, network)
  end
end
if #changes > 0 then
  call('XADD', KEYS[1], '*', 'c', table.concat(changes))
end
return table.concat(verdicts)
