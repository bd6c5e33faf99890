-- Changes the status of an account, or whether it is hidden, and settles its registers. One atomic step over some of its
-- registers; called again with the cursor until that is 0. Doing it again changes nothing.
--
-- Takes now_ms and:
--   pseudonym, previous (its previous pseudonym or ''), tombstone   the account
--   cursor         0 at first
--   page_size      registers to settle
--   to             new status, or nil to leave it
--   allowed_from   the statuses that it may come from
--   until_ms       when the timer of the new status is due, or nil
--   hidden         whether the account is undisclosed in every breakdown from now on, or nil to leave it
--
-- Returns the next cursor, the status before, how many registers are newly counted and newly uncounted, 1 if anything was held
-- of the account before, the end of the restriction that it had, 0 for none, and 1 if it was hidden.
-- Cursor -1: the account is erased. Cursor -2: it may not come from the status that it has; nothing was changed.
local journals, needed = open_all_journals()
local refusal = refuse_call(MIGRATION, SETTLING, needed, { [PREFIX] = 'exists' })
if refusal then return refusal end
migrate_account_key(args.pseudonym, args.previous)
if call('HEXISTS', TOMBSTONES, args.tombstone) == 1 then
  return { -1, 0, 0, 0, 0, 0, 0 }
end

local account = read_account(args.pseudonym)
local status_before, hidden_before = account.status, account.hidden and 1 or 0
local known, until_before = call('EXISTS', account.key), tonumber(call('HGET', account.key, UNTIL) or 0)
if args.to then
  if not may_change_status(account) then
    return { -2, status_before, 0, 0, known, until_before, hidden_before }
  end
  account.status, account.until_ms = args.to, args.until_ms
end
if args.hidden ~= nil then
  account.hidden = args.hidden
end
local changes = {}
local cursor, _, written, counted, uncounted = settle_page(account, args.cursor, args.page_size, changes)

if args.to then
  write_status(account, args.until_ms)
  if reason_kept_out(account) then leave_audiences(journals, args.tombstone) end
elseif args.hidden ~= nil then
  write_account(account)
  call('HSET', account.key, SINCE, NOW_MS)
end
write_page(account, written)
write_changes(changes)
return { tonumber(cursor), status_before, counted, uncounted, known, until_before, hidden_before }
