-- Blocks single engagements, or lifts their blocks, and lets them follow: one atomic step on one account shard.
--
-- KEYS[1]  outbox      KEYS[2]  tombstones      KEYS[3]  flagged accounts      KEYS[4]  timers      KEYS[5]  id of the outer key
-- KEYS[6]  accounts      KEYS[7]  prefix of accounts under the former pseudonym key
-- ARGV[1]  prefix of the accounts' keys    ARGV[2]  id of the caller's outer key    ARGV[3]  now in ms    ARGV[4]  daily cap M
-- ARGV[5]  flip cap w    ARGV[6]  engagements, 25 bytes each: pseudonym c16, series I8, block B, 0 to lift it
-- ARGV[7]  former pseudonyms, 16 bytes for each engagement, or ''
--
-- Answers one byte an engagement: the position of what became of it in privacy.vault.blocks.MARKED.
local CHANGED, UNCHANGED, UNKNOWN, FULL = '\0', '\1', '\2', '\3'
local MS_PER_DAY = 86400000

local stale = check_key(KEYS[5], ARGV[2])
if stale then return stale end
local prefix, now_ms = ARGV[1], tonumber(ARGV[3])
local daily_cap, flip_cap = tonumber(ARGV[4]), tonumber(ARGV[5])
local engagements, formers = ARGV[6], ARGV[7]
local today = math.floor(now_ms / MS_PER_DAY)
local answers, changes = {}, {}

local function mark(pseudonym, series, block)
  local key = prefix .. pseudonym
  local stored = call('HGET', key, series)
  if not stored then
    return UNKNOWN
  end
  local standing, burst, day, count = read_account(call('HGET', ACCOUNTS, pseudonym))
  local at, liked, old_block, flips, code = read_register(stored)
  if old_block == block then
    return UNCHANGED
  end
  local stands = flips % 2 == 1
  local should_stand = liked and block == 0 and not account_block(key, standing, now_ms)
  if should_stand ~= stands and (stands or flips < flip_cap) then
    if not stands and flips == 0 then
      if standing >= HIDDEN then code = UNDISCLOSED end
      day, count = admit(day, count, today, daily_cap)
      if not day then
        return FULL
      end
      call('HSET', ACCOUNTS, pseudonym, pack_account(standing, burst, day, count))
    end
    flips = flips + 1
    changes[#changes + 1] = pack('<I8I4', series, code * 16 + (stands and block or 0))
  end
  call('HSET', key, series, pack_register(at, liked, block, flips, code))
  return CHANGED
end

for index = 1, #engagements / 25 do
  local pseudonym, series, block = unpack('<c16I8B', engagements, (index - 1) * 25 + 1)
  if formers ~= '' then
    adopt(prefix, pseudonym, string.sub(formers, index * 16 - 15, index * 16), KEYS[3], KEYS[4])
  end
  answers[index] = mark(pseudonym, series, block)
end
if #changes > 0 then
  call('XADD', KEYS[1], '*', 'c', table.concat(changes))
end
return table.concat(answers)
