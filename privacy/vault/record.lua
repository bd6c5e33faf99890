-- Applies events to the registers of one account shard and writes the resulting changes to its outbox: one atomic step.
--
-- KEYS[1]  outbox stream of the shard      KEYS[2]  tombstones      KEYS[3]  flagged accounts      KEYS[4]  timers
-- KEYS[5]  id of the outer key      KEYS[6]  prefix of accounts under the former pseudonym key
-- Every key of an account has the same hash tag.
-- ARGV[1]  prefix of the accounts' keys; the 16 raw bytes of the pseudonym follow it
-- ARGV[2]  id of the caller's outer key    ARGV[3]  now in ms    ARGV[4]  daily cap M    ARGV[5]  flip cap w
-- ARGV[6]  likes in a burst    ARGV[7]  its ms
-- ARGV[8]  events, 48 bytes each: pseudonym c16, tombstone c8, series I8, joint code * 16 I4, the register of a first like
--          c11, change B. So a like that takes the short way is stored as bytes that came: packing them here costs more.
-- ARGV[9]  former pseudonyms, 16 bytes for each event, or '' while no rotation is under way
-- ARGV[10] networks: for each account that names one, pseudonym c16 and network c8
--
-- A change is 0 for a like, 1 and 5 for an end of it (unliked, correction), 6 for a like of an account that is too young.
-- Answers one byte an event: the position of its verdict in privacy.vault.vault.VERDICTS.
local COUNTED, UNCOUNTED, DUPLICATE, LATE, OVER_CAP, CLOSED = '\0', '\1', '\2', '\3', '\4', '\5'
local TOO_YOUNG = 6
local sub, byte = string.sub, string.byte
local MS_A_DAY = 86400000

local stale = check_key(KEYS[5], ARGV[2])
if stale then return stale end
local prefix, now_ms = ARGV[1], tonumber(ARGV[3])
local daily_cap, flip_cap = tonumber(ARGV[4]), tonumber(ARGV[5])
local burst_likes, burst_ms = tonumber(ARGV[6]), tonumber(ARGV[7])
local events, formers = ARGV[8], ARGV[9]
local today = math.floor(now_ms / MS_A_DAY)
local tombs = call('EXISTS', KEYS[2]) == 1
local verdicts, changes, change_count = {}, {}, 0
-- What the account's integer is less its count if it was admitted today, is in good standing and in no burst.
local good_today = today * 2 * 16 * 65536

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
local function apply(key, pseudonym, tombstone, series, at, change, code, stored, packed)
  local standing, burst, day, count = read_account(packed)
  local liked = change == 0 or change == TOO_YOUNG
  local was_liked, block, flips, verdict = false, 0, 0, nil
  if stored then
    local stored_at, stored_code
    stored_at, was_liked, block, flips, stored_code = read_register(stored)
    if flips > 0 then code = stored_code end -- the cell is fixed when first counted
    if at < stored_at or (at == stored_at and (liked or not was_liked)) then
      verdict = (at == stored_at and liked == was_liked) and DUPLICATE or LATE
    end
  elseif tombs and call('HEXISTS', KEYS[2], tombstone) == 1 then
    verdict = CLOSED
  end
  if standing % HIDDEN == OBJECTED then verdict = CLOSED end
  if not verdict then
    local kept_out = account_block(key, standing, now_ms)
    local stands = flips % 2 == 1
    local account
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
          account = pack_account(standing, burst, day, count)
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
        change_count = change_count + 1
        changes[change_count] = pack('<I8I4', series, code * 16 + why)
      end
      local register = pack_register(at, liked, block, flips, code)
      if account then
        call('HSET', key, ACCOUNT, account, series, register)
      else
        call('HSET', key, series, register)
      end
      verdict = stands and COUNTED or UNCOUNTED
    end
  end
  return verdict
end

for index = 1, #events / 48 do
  local first = index * 48 - 47
  local pseudonym = sub(events, first, first + 15)
  local key = prefix .. pseudonym
  if formers ~= '' then
    adopt(prefix, pseudonym, sub(formers, index * 16 - 15, index * 16), KEYS[3], KEYS[4])
  end
  local series = unpack('<I8', events, first + 24)
  local stored = call('HMGET', key, series, ACCOUNT)
  local register, packed = stored[1], stored[2]
  local count = packed and packed - good_today
  -- Nearly every event is a new like by an account that was admitted today already: the whole of what `apply` does for it.
  if not register and byte(events, first + 47) == 0 and count and count > 0 and count < daily_cap
    and count % burst_likes ~= 0
    and not (tombs and call('HEXISTS', KEYS[2], sub(events, first + 16, first + 23)) == 1) then
    call('HSET', key, ACCOUNT, packed + 1, series, sub(events, first + 36, first + 46))
    change_count = change_count + 1
    changes[change_count] = sub(events, first + 24, first + 35)
    verdicts[index] = COUNTED
  else
    local at, code, change = unpack('<I6xI4B', events, first + 36)
    local tombstone = sub(events, first + 16, first + 23)
    verdicts[index] = apply(key, pseudonym, tombstone, series, at, change, code, register, packed)
  end
end

for position = 1, #ARGV[10], 24 do
  local pseudonym, network = unpack('<c16c8', ARGV[10], position)
  if call('EXISTS', prefix .. pseudonym) == 1 then
    call('HSET', prefix .. pseudonym, NETWORK, network)
  end
end
if change_count > 0 then
  call('XADD', KEYS[1], '*', 'c', table.concat(changes))
end
return table.concat(verdicts)
