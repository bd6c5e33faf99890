-- Erases an account: its tombstone first, then its registers, each leaving the counts that it is in. One atomic step over
-- some of its registers; called again with the cursor until that is 0. Doing it again changes nothing.
--
-- Takes now_ms and:
--   pseudonym, previous (its previous pseudonym or ''), tombstone   the account
--   closed_until_ms   how long its tombstone is kept; nil for as long as the limits in force say, from now on
--   cursor            0 at first
--   page_size         registers to erase
--   deleted_by_ms     nil to erase in any case; else the time: only if the account was deleted, and its grace is over by then,
--                     or if its tombstone shows that an erasure has begun
--
-- Returns the next cursor, how many registers went, how many of them were counted, and until when the account is closed.
-- Cursor -1: it is not to be erased now.

-- Returns the table of needs of who cuts rows out.
local function need_rows()
  local needs = { [AUDIENCES] = 'hkeys hget hset' }
  for _, name in ipairs(call('HKEYS', AUDIENCES)) do
    if string.find(name, ':', 1, true) then needs[AUDIENCES .. ':' .. name] = 'lrange lset' end
  end
  return needs
end

-- Returns some rows without those of an account.
local function without(rows, account)
  local kept, from, at = {}, 1, string.find(rows, account, 1, true)
  while at do
    if at % ROW_BYTES == 1 then
      kept[#kept + 1] = string.sub(rows, from, at - 1)
      from = at + ROW_BYTES
      at = from - 1
    end
    at = string.find(rows, account, at + 1, true)
  end
  return table.concat(kept) .. string.sub(rows, from)
end

-- Cuts the rows of an account out of all that is held for audiences: it is counted in no period that is not over.
local function cut_rows(account)
  for _, name in ipairs(call('HKEYS', AUDIENCES)) do
    local key, first = AUDIENCES .. ':' .. name, 0
    local page = string.find(name, ':', 1, true) and call('LRANGE', key, 0, 99) or {}
    while #page > 0 do
      for place, rows in ipairs(page) do
        local left = without(rows, account)
        if #left < #rows then call('LSET', key, first + place - 1, left) end
      end
      first = first + #page
      page = call('LRANGE', key, first, first + 99)
    end
  end
  call('HSET', AUDIENCES, 'version', string.format('%.0f', tonumber(call('HGET', AUDIENCES, 'version') or 0) + 1))
end

local needed = need_rows()
local refusal = refuse_call(MIGRATION, needed, { [OUTBOX] = 'xadd', [TOMBSTONES] = 'hexists hget hset', [FLAGGED] = 'hdel',
  [ACCOUNTS] = 'hget hdel', [TIMERS] = 'zscore zrem', [PREFIX] = 'hscan hdel del' })
if refusal then return refusal end
migrate_account_key(args.pseudonym, args.previous)
local account = read_account(args.pseudonym)
if args.deleted_by_ms and call('HEXISTS', TOMBSTONES, args.tombstone) == 0 then
  local due = tonumber(call('ZSCORE', TIMERS, account.pseudonym) or 'inf')
  if account.status ~= DELETED or due > args.deleted_by_ms then
    return { -1, 0, 0, 0 }
  end
end
local page = call('HSCAN', account.key, args.cursor, 'COUNT', args.page_size)
local fields, erased, changes = page[2], {}, {}
for index = 1, #fields, 2 do
  local series = tonumber(fields[index])
  if series then
    -- Nothing of an erased account should be counted, so there is nothing to settle: what is counted leaves the counts.
    local is_counted, code = read_count(fields[index + 1])
    if is_counted then changes[#changes + 1] = pack(CHANGE, series, code * 16 + BY_ACCOUNT) end
    erased[#erased + 1] = fields[index]
  end
end

local closed_until_ms = write_tombstone(args.tombstone, args.closed_until_ms or NOW_MS + 1000 * TOMBSTONE_TTL_SECONDS)
call('HDEL', FLAGGED, account.pseudonym)
call('ZREM', TIMERS, account.pseudonym)
call_in_parts('HDEL', account.key, erased)
write_changes(changes)
if args.cursor == 0 then cut_rows(args.tombstone) end
if page[1] == '0' then
  call('DEL', account.key)
  call('HDEL', ACCOUNTS, account.pseudonym)
end
return { tonumber(page[1]), #erased, #changes, closed_until_ms }
