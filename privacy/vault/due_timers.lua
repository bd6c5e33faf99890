-- Finds accounts whose timer is due.
--
-- Takes now_ms, and limit: how many accounts at most. Returns pseudonym and status of each, in turn. An account that is about
-- to be moved to its new pseudonym waits; a timer without an account, or of one that needs none, is dropped.
local refusal = refuse_call({ [TIMERS] = 'zrange zrem', [ACCOUNTS] = 'hget', [PREFIX] = 'exists' })
if refusal then return refusal end
local due = {}
for _, pseudonym in ipairs(call('ZRANGE', TIMERS, '-inf', NOW_MS, 'BYSCORE', 'LIMIT', 0, args.limit)) do
  local account = read_account(pseudonym)
  local is_held = call('EXISTS', account.key) == 1
  if is_held and (account.status == RESTRICTED or account.status == DELETED) then
    due[#due + 1] = pseudonym
    due[#due + 1] = account.status
  elseif is_held or call('EXISTS', PREVIOUS_PREFIX .. pseudonym) == 0 then
    call('ZREM', TIMERS, pseudonym)
  end
end
return due
