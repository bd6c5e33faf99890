-- What every script of the vault knows of an account. Read before the script itself; see privacy.vault.scripts.
--
-- One hash holds an account. Field <series>: a register, time I6, flags B, joint code I4, where flags are
-- flips * 16 + block * 2 + (0 liked, 1 not liked). Block 0 is none; any other number is the reason why staff or a rule
-- keeps this one engagement out of the counts. An engagement should stand in the counts when it is liked, not blocked, and
-- its account is not blocked; it does stand when its flips are odd. Once w flips are used the register still follows the
-- person's will, but counts no further.
--
-- Field u: end of a restriction, in ms.    Field b: when its running burst began, in ms.    Field n: its network, 8 bytes.
-- Field s: when staff or its owner last set its standing, in ms.
--
-- KEYS[6] holds all accounts of a shard by pseudonym, so that a batch reads and writes them together. Each is one integer,
-- ((day * 2 + burst) * 16 + standing) * 65536 + count: the UTC day of its latest admission, whether its running burst is
-- uncounted, its standing, and how many admissions that day has seen. Whoever is there has a hash too, which is how walks
-- over all accounts find it: its first admission leaves b, and its standing s, even when its registers are gone.
local spread = unpack
local call, unpack, pack = redis.call, struct.unpack, struct.pack
local UNTIL, BURST, NETWORK, SINCE = 'u', 'b', 'n', 's'
local UNLIKED, INAUTHENTIC, BY_ACCOUNT = 1, 2, 3
local GOOD, RESTRICTED, BANNED, DELETED, FAKE, OBJECTED = 0, 1, 2, 3, 4, 5
local HIDDEN = 8 -- this bit of a standing: the account is undisclosed in every breakdown
local UNDISCLOSED = 268435455 -- the joint code of such an account, 2^28 - 1
local ACCOUNTS = KEYS[6]
local FORMER_PREFIX = KEYS[7] -- of accounts under the former pseudonym key
local REASON_OF = { [RESTRICTED] = BY_ACCOUNT, [BANNED] = BY_ACCOUNT, [DELETED] = BY_ACCOUNT, [FAKE] = INAUTHENTIC,
  [OBJECTED] = BY_ACCOUNT }

-- Refuse a caller whose outer key is not the one that the shard is kept under.
local function check_key(key_name, key_id)
  local known = call('GET', key_name)
  if known and known ~= key_id then
    return redis.error_reply('STALEKEY the shard is kept under another pseudonym key')
  end
end

-- Find an account that is still kept under its former pseudonym, and give it its new one.
local function adopt(prefix, pseudonym, former, flagged, timers)
  if former == '' or call('EXISTS', FORMER_PREFIX .. former) == 0 then
    return
  end
  call('RENAME', FORMER_PREFIX .. former, prefix .. pseudonym)
  for _, hash in ipairs({ ACCOUNTS, flagged }) do
    local held = call('HGET', hash, former)
    if held then
      call('HDEL', hash, former)
      call('HSET', hash, pseudonym, held)
    end
  end
  local due = call('ZSCORE', timers, former)
  if due then
    call('ZREM', timers, former)
    call('ZADD', timers, due, pseudonym)
  end
end

local function read_account(packed)
  if not packed then
    return 0, false, 0, 0
  end
  local number = tonumber(packed)
  local count = number % 65536
  number = (number - count) / 65536
  local standing = number % 16
  number = (number - standing) / 16
  local burst = number % 2
  return standing, burst == 1, (number - burst) / 2, count
end

local function pack_account(standing, burst, day, count)
  return ((day * 2 + (burst and 1 or 0)) * 16 + standing) * 65536 + count
end

-- Why an account is kept out of the counts now, or nil.
local function account_block(key, standing, now_ms)
  standing = standing % HIDDEN
  if standing == GOOD then
    return nil
  end
  if standing == RESTRICTED and tonumber(call('HGET', key, UNTIL) or 0) <= now_ms then
    return nil
  end
  return REASON_OF[standing]
end

local function read_register(stored)
  local at, flags, code = unpack('<I6BI4', stored)
  local low = flags % 16
  local unliked = low % 2
  return at, unliked == 0, (low - unliked) / 2, (flags - low) / 16, code
end

-- Whether a register stands in the counts, and its joint code: all that its erasure asks.
local function read_count(stored)
  local flags, code = unpack('<BI4', stored, 7)
  return flags % 32 >= 16, code -- its flips are odd
end

local function pack_register(at, liked, block, flips, code)
  return pack('<I6BI4', at, flips * 16 + block * 2 + (liked and 0 or 1), code)
end

-- Read many fields of a hash: the numbers that they hold, nil where there is none, in the order of the names. Lua takes only
-- so many arguments at once.
local function read_numbers(key, names)
  local numbers = {}
  for first = 1, #names, 1000 do
    local last = math.min(first + 999, #names)
    for place, value in ipairs(call('HMGET', key, spread(names, first, last))) do
      numbers[first + place - 1] = value and tonumber(value) or nil
    end
  end
  return numbers
end

-- Write many fields of a hash: names and values in turn.
local function write_fields(key, written)
  for first = 1, #written, 1000 do
    call('HSET', key, spread(written, first, math.min(first + 999, #written)))
  end
end

-- Take one of the day's admissions: the account's new day and count, or nil when the day is full.
-- A clock that stepped back does not open the day anew.
local function admit(day, count, today, daily_cap)
  if day < today then
    day, count = today, 0
  end
  if count >= daily_cap then
    return nil
  end
  return day, count + 1
end
