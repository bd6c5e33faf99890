-- Applies events to the registers of one account shard and writes the resulting changes to its outbox: one atomic step.
--
-- KEYS[1]  outbox stream of the shard; every register key below has the same hash tag
-- ARGV[1]  prefix of the register keys; the 16 raw bytes of the pseudonym follow it
-- ARGV[2]  UTC day number now          ARGV[3]  daily cap M          ARGV[4]  flip cap w
-- ARGV[5]  events, 37 bytes each: pseudonym c16, series I8, occurred_at_ms I8, change B, joint code I4
--
-- Answers one byte an event: the position of its verdict in privacy.vault.vault.VERDICTS.
--
-- A register is time I6, flips and state B, joint code I4. State 0 is the will "counted", any other number the reason
-- why not. An engagement stands in the counts exactly when its flips are odd: once w flips are used the register still
-- follows the person's will, but counts no further.
local COUNTED, UNCOUNTED, DUPLICATE, LATE, OVER_CAP = '\0', '\1', '\2', '\3', '\4'
local DAY_FIELD = 'd'
local COUNTS_A_DAY = 65536

local call, unpack, pack = redis.call, struct.unpack, struct.pack
local prefix, today = ARGV[1], tonumber(ARGV[2])
local daily_cap, flip_cap = tonumber(ARGV[3]), tonumber(ARGV[4])
local events = ARGV[5]
local verdicts, changes = {}, {}
local event_count, change_count = #events / 37, 0

for index = 1, event_count do
  local pseudonym, series, at, change, code = unpack('<c16I8I8BI4', events, (index - 1) * 37 + 1)
  local key = prefix .. pseudonym
  local stored = call('HMGET', key, series, DAY_FIELD)
  local flips, verdict = 0, nil
  if stored[1] then
    local stored_at, flags, stored_code = unpack('<I6BI4', stored[1])
    local state = flags % 16
    flips = (flags - state) / 16
    if flips > 0 then code = stored_code end -- the cell is fixed when first counted
    if at < stored_at or (at == stored_at and change <= state) then
      verdict = (at == stored_at and change == state) and DUPLICATE or LATE
    end
  end
  if not verdict then
    local first_counted_today
    local stands = flips % 2 == 1
    -- w is even, so what stands may still fall: also when w was larger once, and it stands past today's w.
    if (change == 0) ~= stands and (stands or flips < flip_cap) then
      if change == 0 and flips == 0 then
        -- A clock that stepped back does not open the day anew.
        local day, count = today, 0
        if stored[2] then
          local packed = tonumber(stored[2])
          count = packed % COUNTS_A_DAY
          day = (packed - count) / COUNTS_A_DAY
          if day < today then day, count = today, 0 end
        end
        if count >= daily_cap then
          verdict = OVER_CAP
        else
          first_counted_today = day * COUNTS_A_DAY + count + 1
        end
      end
      if not verdict then
        flips = flips + 1
        stands = not stands
        change_count = change_count + 1
        changes[change_count] = pack('<I8I4', series, code * 16 + change)
      end
    end
    if not verdict then
      local register = pack('<I6BI4', at, flips * 16 + change, code)
      if first_counted_today then
        call('HSET', key, DAY_FIELD, first_counted_today, series, register)
      else
        call('HSET', key, series, register)
      end
      verdict = stands and COUNTED or UNCOUNTED
    end
  end
  verdicts[index] = verdict
end

if change_count > 0 then
  call('XADD', KEYS[1], '*', 'c', table.concat(changes))
end
return table.concat(verdicts)
