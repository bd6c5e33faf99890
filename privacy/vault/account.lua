-- Shared by every script of the vault: keys and arguments, the layout of an account, and the one rule of what is counted.
-- Loaded before the script itself; see `privacy.vault.shards`.
--
-- One hash holds an account. Field <series>: a register, time I6, flags B, joint code I4, where flags are
-- flips * 16 + block * 2 + (0 liked, 1 not liked). Block 0 is none; any other number is the reason why staff or a rule
-- keeps this one engagement out of the counts.
--
-- Field u: end of a restriction, in ms.    Field f: UTC day of its first admission.         Field n: its network, 8 bytes.
-- Field s: when staff or its owner last set its status, in ms.    Field i: its imported admissions, see record.lua.
-- Field b: what earlier versions kept of its likes.
--
-- ACCOUNTS holds all accounts of a shard by pseudonym, so that a batch reads and writes them together. Each is a byte 128, an
-- integer I7, the time I6 of its latest like of the day, and the times of likes before it, as `add_like` in record.lua keeps
-- them. The integer is (((of_month * 2^19 + day) * 2 + burst) * 16 + hidden * 8 + status) * 65536 + count: under a monthly cap,
-- the admissions of its month; the UTC day of its latest admission; whether its latest like was in a burst; whether it is
-- undisclosed in every breakdown; its status; and the admissions of that day. Earlier versions wrote digits, with something
-- else above the day. Every account there has a hash too, which is how a scan over all accounts finds it: its first admission
-- leaves f, and its status s, even when its registers are gone.
local spread = unpack
local call, unpack, pack = redis.call, struct.unpack, struct.pack
-- JOBS: the progress of the jobs on this shard. LIMITS: the limits in force, see put_limits.lua. AUDIENCES: what is held for
-- audiences, see audiences.lua. All keys have one hash tag.
local OUTBOX, TOMBSTONES, FLAGGED, TIMERS, OUTER_KEY, ACCOUNTS, JOBS, LIMITS, AUDIENCES = spread(KEYS)
-- The name of an account's hash is a prefix and the 16 raw bytes of its pseudonym; PREVIOUS_PREFIX is that of accounts under
-- the previous outer key. KEY_IDS names the caller's outer key, and the previous one if it knows that. KNOWN_LIMITS are the
-- limits that the caller knows, '' for none.
local PREFIX, PREVIOUS_PREFIX, KEY_IDS, KNOWN_LIMITS = spread(ARGV)
local KEY_ID = string.sub(KEY_IDS, 1, 8)
-- All other arguments, by name: each script lists those that it takes.
local args = cmsgpack.unpack(ARGV[5])
local MS_PER_DAY = 86400000
-- A process may have stood still since it read its time; what it believes as it calls is later then.
local NOW_MS = args.now_ms and math.max(args.now_ms, args.believed_ms or 0)
local TODAY = NOW_MS and math.floor(NOW_MS / MS_PER_DAY)
-- w, M, how long an erased account stays closed, likes before a burst, and its time; nil for a caller that knows none.
local known_limits = {}
for limit in string.gmatch(KNOWN_LIMITS, '%d+') do
  known_limits[#known_limits + 1] = tonumber(limit)
end
local FLIP_CAP, DAILY_CAP, TOMBSTONE_TTL_SECONDS, BURST_LIKES, BURST_SECONDS = spread(known_limits)
local MONTHLY_CAP = tonumber(string.match(KNOWN_LIMITS, ' month=(%d+)$')) -- nil for none

local UNTIL, FIRST_DAY, NETWORK, SINCE, IMPORTED, OLD_RUN = 'u', 'f', 'n', 's', 'i', 'b'
local UNLIKED, INAUTHENTIC, BY_ACCOUNT = 1, 2, 3
local GOOD, RESTRICTED, BANNED, DELETED, FAKE, OBJECTED = 0, 1, 2, 3, 4, 5
local CHANGE = '<I8I4' -- a change in the outbox: series, and joint code * 16 + reason
local UNDISCLOSED = 268435455 -- the joint code of a hidden account, 2^28 - 1
local DAYS = 524288 -- of_month is below 8,192, so that an account's integer stays below 2^53, up to which Lua is exact
local OF_MONTH = DAYS * 2 * 16 * 65536 -- one admission of the month
local ACCOUNT, ACCOUNT_BYTES, MARK, NO_TIME = '<BI7I6', 14, 128, 281474976710655
local REASON_OF = { [RESTRICTED] = BY_ACCOUNT, [BANNED] = BY_ACCOUNT, [DELETED] = BY_ACCOUNT, [FAKE] = INAUTHENTIC,
  [OBJECTED] = BY_ACCOUNT }

-- Redis does not roll a script back. So whatever can be refused is refused before the first write: callers that are out of
-- date, commands that the ACL does not allow, and keys of another type. What is left to fail is a single account that is
-- damaged. A script reads it whole before it writes anything of it, and keeps what it has done for the accounts before it:
-- their registers, and their changes in the outbox.

-- Returns the error for a caller whose outer key is not the one that the shard is kept under; else nil. While accounts may
-- be left under a previous key, the shard names that too, and a caller must know it: it would not find them otherwise.
local function refuse_stale_key()
  local known = call('GET', OUTER_KEY)
  if known and known ~= KEY_IDS and known ~= KEY_ID then
    return redis.error_reply('STALEKEY the shard is kept under another pseudonym key')
  end
end

-- Returns the error for a caller that does not know the limits in force; else nil. Where none are in force, nothing is done.
local function refuse_stale_limits()
  local in_force = call('GET', LIMITS)
  if in_force ~= KNOWN_LIMITS then
    return redis.error_reply('STALELIMITS ' .. (in_force or 'none'))
  end
end

-- Returns the error for a call whose time the store's clock contradicts; else nil. The caller reads that clock now and then,
-- but the server stamps changes with it, and the ids of an outbox never go back after a leap.
local function refuse_leap()
  if args.believed_ms and math.abs(call('TIME')[1] * 1000 - args.believed_ms) > args.max_leap_ms then
    return redis.error_reply('LEAP the clock of the store has leapt since the caller read it')
  end
end

-- Tables of needs: the commands that a script runs on a key, by key. PREFIX and PREVIOUS_PREFIX stand for the accounts.
local MIGRATION = { [ACCOUNTS] = 'hget hset hdel', [FLAGGED] = 'hget hset hdel', [TIMERS] = 'zscore zadd zrem',
  [PREFIX] = 'rename', [PREVIOUS_PREFIX] = 'type rename' }
-- All others are hashes, but for the lists whose names begin with AUDIENCES.
local TYPE_OF = { [OUTBOX] = 'stream', [TIMERS] = 'zset', [OUTER_KEY] = 'string', [AUDIENCES] = 'hash' }

local function expected_type(key)
  return TYPE_OF[key] or (string.sub(key, 1, #AUDIENCES) == AUDIENCES and 'list' or 'hash')
end

-- Returns the error for tables of needs that the caller's ACL or the type of a key does not meet; else nil.
local function refuse_unmet(...)
  for _, needs in ipairs({ ... }) do
    for key, commands in pairs(needs) do
      for command in string.gmatch(commands, '%a+') do
        -- Twice, since RENAME takes two keys; a command that takes one ignores the other.
        if not redis.acl_check_cmd(command, key, key) then
          return redis.error_reply('NOPERM the script needs ' .. command .. ' on keys like ' .. key)
        end
      end
      if key ~= PREFIX and key ~= PREVIOUS_PREFIX then
        local found = call('TYPE', key).ok
        if found ~= 'none' and found ~= expected_type(key) then
          return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found)
        end
      end
    end
  end
end

-- Returns the error for a call that must not begin; else nil.
local function refuse_call(...)
  return refuse_stale_key() or refuse_stale_limits() or refuse_leap() or refuse_unmet(...)
end

-- Returns the error reply for what a failed call or a failed step left.
local function error_from(failure)
  return type(failure) == 'table' and failure or redis.error_reply('DAMAGED ' .. failure)
end

-- Moves an account that is still kept under its previous pseudonym ('' for none) to its current one. Returns how many moved.
local function migrate_account_key(pseudonym, previous)
  local kept_as = previous == '' and 'none' or call('TYPE', PREVIOUS_PREFIX .. previous).ok
  if kept_as == 'none' then
    return 0
  end
  if kept_as ~= 'hash' then
    error(redis.error_reply('WRONGTYPE an account is a ' .. kept_as))
  end
  for _, hash in ipairs({ ACCOUNTS, FLAGGED }) do
    local held = call('HGET', hash, previous)
    if held then
      call('HSET', hash, pseudonym, held)
      call('HDEL', hash, previous)
    end
  end
  local due = call('ZSCORE', TIMERS, previous)
  if due then
    call('ZADD', TIMERS, due, pseudonym)
    call('ZREM', TIMERS, previous)
  end
  call('RENAME', PREVIOUS_PREFIX .. previous, PREFIX .. pseudonym)
  return 1
end

-- Returns the integer of an account.
local function pack_account(account)
  return (((account.of_month * DAYS + account.day) * 2 + (account.burst and 1 or 0)) * 16 + (account.hidden and 8 or 0)
    + account.status) * 65536 + account.count
end

-- Returns what ACCOUNTS holds of an account: its integer, and the times of its latest like and of those before.
local function join_account(packed, latest, before)
  local joined = pack(ACCOUNT, MARK, packed, latest)
  return before == '' and joined or joined .. before
end

-- Takes apart what `join_account` has joined, or an earlier version has written.
local function split_account(stored)
  if #stored >= ACCOUNT_BYTES then
    local mark, packed, latest = unpack(ACCOUNT, stored)
    if mark == MARK then
      return packed, latest, #stored == ACCOUNT_BYTES and '' or string.sub(stored, ACCOUNT_BYTES + 1)
    end
  end
  return (tonumber(stored) or 0) % OF_MONTH, NO_TIME, ''
end

-- Fills the table `account` from what `split_account` has taken apart; without an integer, nothing is known of it.
local function fill_account(account, pseudonym, packed, latest, before)
  local number = packed or 0
  local count = number % 65536
  number = (number - count) / 65536
  local status = number % 16
  number = (number - status) / 16
  local burst = number % 2
  number = (number - burst) / 2
  local day = number % DAYS
  account.pseudonym, account.key = pseudonym, PREFIX .. pseudonym
  account.status, account.hidden, account.burst = status % 8, status >= 8, burst == 1
  account.of_month, account.day, account.count = (number - day) / DAYS, day, count
  account.latest, account.before = latest or NO_TIME, before or ''
end

local function read_account(pseudonym)
  local account, stored = {}, call('HGET', ACCOUNTS, pseudonym)
  if stored then
    fill_account(account, pseudonym, split_account(stored))
  else
    fill_account(account, pseudonym)
  end
  return account
end

local function write_account(account)
  call('HSET', ACCOUNTS, account.pseudonym, join_account(pack_account(account), account.latest, account.before))
end

-- Returns the reason why an account is kept out of the counts now, or nil. `account.until_ms` is the end of its restriction
-- where that is not written yet.
local function reason_kept_out(account)
  if account.status == GOOD then
    return nil
  end
  if account.status == RESTRICTED
    and (account.until_ms or tonumber(call('HGET', account.key, UNTIL) or 0)) <= NOW_MS then
    return nil
  end
  return REASON_OF[account.status]
end

-- Returns time, whether it is liked, block, flips and joint code. Registers are values, not tables, for speed.
local function parse_register(stored)
  local at, flags, code = unpack('<I6BI4', stored)
  local low = flags % 16
  local unliked = low % 2
  return at, unliked == 0, (low - unliked) / 2, (flags - low) / 16, code
end

local function pack_register(at, liked, block, flips, code)
  return pack('<I6BI4', at, flips * 16 + block * 2 + (liked and 0 or 1), code)
end

-- Returns whether a register is counted (its flips are odd), and its joint code: all that its erasure needs.
local function read_count(stored)
  local flags, code = unpack('<BI4', stored, 7)
  return flags % 32 >= 16, code
end

-- Returns the number of the UTC month that a day is in: the civil calendar, in years that begin in March.
local function month_of(day)
  local floor, shifted = math.floor, day + 719468
  local era = floor(shifted / 146097)
  local of_era = shifted - era * 146097
  local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524) - floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + floor(year / 4) - floor(year / 100))
  return (era * 400 + year) * 12 + floor((5 * of_year + 2) / 153)
end

-- Takes one of the account's admissions of a day and, under a monthly cap, of its month; false when one of them is full. A
-- clock that stepped back does not open the day again. A day that is further ahead was reached under a wrong time: its
-- admissions count as those of today, so that the next day opens. The caller writes such a move (`is_moved`) also when the day
-- is full.
local function admit(account, today)
  if account.day > today + 1 then
    account.day, account.is_moved = today, true
  end
  local opens_day = account.day < today
  local count, of_month = opens_day and 0 or account.count, 0
  if MONTHLY_CAP and not (opens_day and month_of(account.day) < month_of(today)) then
    of_month = account.of_month
  end
  if count >= DAILY_CAP or of_month >= (MONTHLY_CAP or math.huge) then
    return false
  end
  if opens_day then account.latest, account.before, account.burst = NO_TIME, '', false end
  account.day, account.count = math.max(account.day, today), count + 1
  account.of_month = MONTHLY_CAP and of_month + 1 or 0
  return true
end

-- Settles a register: the one rule of what is counted. Every script that changes what a register or its account is calls it.
--
-- An engagement should be counted when it is liked, not blocked, and its account is not kept out (`account.kept_out`); it is
-- counted when its flips are odd. When these differ it flips, and the change is added to `changes` for the outbox: series I8,
-- joint code * 16 + reason I4, where reason 0 is a gain. Its first flip fixes its joint code, whenever that is: its admission
-- was taken when the like arrived, and is decided only there. Once w flips are used a register still follows what its account
-- wants, but is counted no more; w is even, so what is counted can still be uncounted, also where w was larger once.
-- `end_reason` is the reason of the change if the engagement is not liked any more.
--
-- Returns flips and joint code as they are now, and the outcome. The caller writes register and account.
local UNCHANGED, NEWLY_COUNTED, NEWLY_UNCOUNTED = 0, 1, 2
local function settle_register(account, series, liked, block, flips, code, changes, end_reason)
  local is_counted, kept_out = flips % 2 == 1, account.kept_out
  local should_count = liked and block == 0 and not kept_out
  if should_count == is_counted or (should_count and flips >= FLIP_CAP) then
    return flips, code, UNCHANGED
  end
  if is_counted then
    local reason = (not liked and end_reason) or (block > 0 and block) or kept_out
    changes[#changes + 1] = pack(CHANGE, series, code * 16 + reason)
    return flips + 1, code, NEWLY_UNCOUNTED
  end
  if flips == 0 and account.hidden then code = UNDISCLOSED end
  changes[#changes + 1] = pack(CHANGE, series, code * 16)
  return flips + 1, code, NEWLY_COUNTED
end

-- Returns the id of the next outbox entry. Its time decides which epoch the changes belong to: the store's own, or under a
-- virtual clock the caller's (`stamp_ms`), yet never earlier than the last entry's.
local function next_outbox_id()
  if not args.stamp_ms then
    return '*'
  end
  local last_ms, info = 0, call('EXISTS', OUTBOX) == 1 and call('XINFO', 'STREAM', OUTBOX) or {}
  for place = 1, #info, 2 do
    if info[place] == 'last-generated-id' then
      last_ms = tonumber(string.match(info[place + 1], '^%d+'))
    end
  end
  return string.format('%.0f-*', math.max(args.stamp_ms, last_ms))
end

-- Writes changes to the outbox: one entry.
local function write_changes(changes)
  if #changes > 0 then
    call('XADD', OUTBOX, next_outbox_id(), 'c', table.concat(changes))
  end
end

-- Calls a command for many arguments after the key: Lua takes only some thousand at once.
local function call_in_parts(command, key, arguments)
  for first = 1, #arguments, 1000 do
    call(command, key, spread(arguments, first, math.min(first + 999, #arguments)))
  end
end

-- Closes an account to every event until a time in ms, whether anything is held of it or not. A tombstone never gets shorter:
-- what came in between may have counted. Returns until when it is closed.
local function write_tombstone(tombstone, until_ms)
  local before = tonumber(call('HGET', TOMBSTONES, tombstone) or 0)
  if before < until_ms then
    call('HSET', TOMBSTONES, tombstone, until_ms)
  end
  return math.max(before, until_ms)
end
