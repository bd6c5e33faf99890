-- Erases an account: its tombstone first, then its registers, each leaving the counts that it stands in. One atomic step over
-- some of its registers; called again with the cursor until that is 0. Doing it again changes nothing.
--
-- KEYS[1]  outbox      KEYS[2]  tombstones      KEYS[3]  flagged accounts      KEYS[4]  timers      KEYS[5]  id of the outer key
-- KEYS[6]  accounts      KEYS[7]  prefix of accounts under the former pseudonym key
-- ARGV[1]  prefix of the accounts' keys    ARGV[2]  id of the caller's outer key    ARGV[3]  pseudonym    ARGV[4]  former
-- pseudonym or ''    ARGV[5]  tombstone    ARGV[6]  until when it stands, in ms    ARGV[7]  cursor, '0' at first    ARGV[8]  registers to erase
-- ARGV[9]  '' to erase in any case; else now in ms: only if the account was deleted, and its grace is over
--
-- Answers next cursor, how many registers went, and how many of them stood. Cursor -1: it is not to be erased now.
local stale = check_key(KEYS[5], ARGV[2])
if stale then return stale end
local prefix, pseudonym = ARGV[1], ARGV[3]
local key = prefix .. pseudonym
adopt(prefix, pseudonym, ARGV[4], KEYS[3], KEYS[4])
if ARGV[9] ~= '' then
  local due = tonumber(call('ZSCORE', KEYS[4], pseudonym) or 'inf')
  if read_account(call('HGET', ACCOUNTS, pseudonym)) % HIDDEN ~= DELETED or due > tonumber(ARGV[9]) then
    return { -1, 0, 0 }
  end
end
-- Erased again, it is closed for longer: what came in between may have counted.
if tonumber(call('HGET', KEYS[2], ARGV[5]) or 0) < tonumber(ARGV[6]) then
  call('HSET', KEYS[2], ARGV[5], ARGV[6])
end
call('HDEL', KEYS[3], pseudonym)
call('ZREM', KEYS[4], pseudonym)

local page = call('HSCAN', key, ARGV[7], 'COUNT', ARGV[8])
local fields, gone, changes, size, stood = page[2], {}, {}, 0, 0
for place = 1, #fields, 2 do
  local series = tonumber(fields[place])
  if series then
    local stands, code = read_count(fields[place + 1])
    if stands then
      stood = stood + 1
      changes[stood] = pack('<I8I4', series, code * 16 + BY_ACCOUNT)
    end
    size = size + 1
    gone[size] = fields[place]
  end
end
for first = 1, size, 1000 do
  call('HDEL', key, spread(gone, first, math.min(first + 999, size)))
end
if stood > 0 then
  call('XADD', KEYS[1], '*', 'c', table.concat(changes))
end
if page[1] == '0' then
  call('DEL', key)
  call('HDEL', ACCOUNTS, pseudonym)
end
return { tonumber(page[1]), size, stood }
