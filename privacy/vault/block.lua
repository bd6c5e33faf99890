-- Blocks single engagements, or lifts their blocks, and settles them: one atomic step on one account shard.
--
-- Takes now_ms and:
--   engagements   25 bytes each: pseudonym c16, series I8, block B, 0 to lift it
--   previous      previous pseudonyms, 16 bytes for each engagement, or ''
--
-- Returns one byte per engagement: the position of its result in privacy.vault.blocks.RESULTS.
local BLOCK_CHANGED, BLOCK_UNCHANGED, UNKNOWN = '\0', '\1', '\2'

local refusal = refuse_call(MIGRATION,
  { [OUTBOX] = 'xadd', [ACCOUNTS] = 'hget', [PREFIX] = 'hget hset' })
if refusal then return refusal end
local engagements, previous = args.engagements, args.previous
local results, changes = {}, {}

local function set_block(index)
  local pseudonym, series, block = unpack('<c16I8B', engagements, index * 25 - 24)
  migrate_account_key(pseudonym, string.sub(previous, index * 16 - 15, index * 16))
  local account = read_account(pseudonym)
  local stored = call('HGET', account.key, series)
  if not stored then
    return UNKNOWN
  end
  local at, liked, old_block, flips, code = parse_register(stored)
  if old_block == block then
    return BLOCK_UNCHANGED
  end
  account.kept_out = reason_kept_out(account)
  flips, code = settle_register(account, series, liked, block, flips, code, changes, UNLIKED)
  call('HSET', account.key, series, pack_register(at, liked, block, flips, code))
  return BLOCK_CHANGED
end

local failure
for index = 1, #engagements / 25 do
  local is_done, result = pcall(set_block, index)
  if not is_done then
    failure = error_from(result)
    break
  end
  results[index] = result
end
write_changes(changes)
return failure or table.concat(results)
