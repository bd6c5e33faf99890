-- Moves accounts that are still kept under their previous pseudonym to their new one: one atomic step on one account shard.
--
-- Takes put_in_force: the id of the previous key, to put the caller's outer key in force after it first, or nil; is_done: true
-- once no account is left under the previous key; and accounts, 32 bytes each: previous pseudonym c16, new pseudonym c16.
-- Returns how many accounts moved. It settles nothing: its caller need not know the limits in force.
local refusal = refuse_unmet(MIGRATION, { [OUTER_KEY] = 'get set' })
if refusal then return refusal end
if args.put_in_force then
  local known = call('GET', OUTER_KEY)
  if not known or known == args.put_in_force then
    call('SET', OUTER_KEY, KEY_IDS)
  end
end
local stale = refuse_stale_key()
if stale then return stale end
local moved = 0
for position = 1, #args.accounts, 32 do
  local previous, pseudonym = unpack('<c16c16', args.accounts, position)
  moved = moved + migrate_account_key(pseudonym, previous)
end
if args.is_done then
  call('SET', OUTER_KEY, KEY_ID)
end
return moved
