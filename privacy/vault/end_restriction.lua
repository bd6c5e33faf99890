-- Brings an account whose restriction is over back to good status. Its registers were recounted before.
--
-- Takes now_ms, and pseudonym of the account. Returns 1 if the restriction was ended; 0 if there is none that is over.
local refusal = refuse_call({ [ACCOUNTS] = 'hget hset', [TIMERS] = 'zrem', [PREFIX] = 'hget hdel' })
if refusal then return refusal end
local account = read_account(args.pseudonym)
if account.status ~= RESTRICTED or reason_kept_out(account) then
  return 0
end
account.status = GOOD
write_account(account)
call('HDEL', account.key, UNTIL)
call('ZREM', TIMERS, account.pseudonym)
return 1
