-- Changes the status of an account, and lets its registers follow page by page. Loaded before the script that does it.
local SETTLING = { [OUTBOX] = 'xadd', [ACCOUNTS] = 'hget hset', [TIMERS] = 'zadd zrem', [TOMBSTONES] = 'hexists',
  [PREFIX] = 'hget hset hdel hscan' }

-- Writes the status that an account has now. `until_ms` is when its timer is due: the end of a restriction, or of the grace
-- after a deletion; nil for none.
local function write_status(account, until_ms)
  write_account(account)
  call('HSET', account.key, SINCE, NOW_MS)
  if account.status == RESTRICTED then
    call('HSET', account.key, UNTIL, until_ms)
  else
    call('HDEL', account.key, UNTIL)
  end
  if until_ms then
    call('ZADD', TIMERS, until_ms, account.pseudonym)
  else
    call('ZREM', TIMERS, account.pseudonym)
  end
end

-- Checks whether an account may come to a status from the one that it has.
local function may_change_status(account)
  for _, status in ipairs(args.allowed_from) do
    if account.status == status then return true end
  end
  return false
end

-- Settles a page of an account's registers, adds what changed to `changes` for the outbox, and writes nothing. Returns the
-- cursor of the next page, the fields read, the fields to write, and how many registers are newly counted and newly uncounted.
local function settle_page(account, cursor, page_size, changes)
  local page, written, outcomes = call('HSCAN', account.key, cursor, 'COUNT', page_size), {}, { 0, 0 }
  local fields = page[2]
  account.kept_out = reason_kept_out(account)
  for index = 1, #fields, 2 do
    local series = tonumber(fields[index])
    if series then
      local at, liked, block, flips, code = parse_register(fields[index + 1])
      local outcome
      flips, code, outcome = settle_register(account, series, liked, block, flips, code, changes, UNLIKED)
      if outcome ~= UNCHANGED then
        outcomes[outcome] = outcomes[outcome] + 1
        local size = #written
        written[size + 1], written[size + 2] = fields[index], pack_register(at, liked, block, flips, code)
      end
    end
  end
  return page[1], #fields / 2, written, outcomes[NEWLY_COUNTED], outcomes[NEWLY_UNCOUNTED]
end

-- Writes the registers of a settled page.
local function write_page(account, written)
  if #written > 0 then
    call_in_parts('HSET', account.key, written)
  end
end
