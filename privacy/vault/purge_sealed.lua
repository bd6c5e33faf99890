-- Drops registers of sealed targets, which count nowhere any more, and an account that is idle and has no registers left.
--
-- Takes:
--   key             name of the account's hash: it may be under the previous outer key
--   pseudonym       as it is there
--   idle_since_ms   the account is idle if nothing was heard of it since
--   series          those that are sealed, an array
--
-- Returns how many registers were dropped, and 1 if the account is gone.
local refusal = refuse_call({ [FLAGGED] = 'hdel', [ACCOUNTS] = 'hget hdel', [TIMERS] = 'zscore',
  [PREFIX] = 'hdel hmget hget hlen del' })
if refusal then return refusal end
local key, pseudonym, dropped = args.key, args.pseudonym, 0
for _, series in ipairs(args.series) do
  dropped = dropped + call('HDEL', key, series)
end
local own, import = 0, call('HGET', key, IMPORTED)
for _, held in ipairs(call('HMGET', key, UNTIL, FIRST_DAY, NETWORK, SINCE, IMPORTED, OLD_RUN)) do
  if held then own = own + 1 end
end
local imported_on = import and unpack('<I3', import) or 0
local last_day_end_ms = (math.max(read_account(pseudonym).day, imported_on) + 1) * MS_PER_DAY
local last_heard_ms = math.max(last_day_end_ms, tonumber(call('HGET', key, SINCE) or 0))
if call('HLEN', key) > own or last_heard_ms >= args.idle_since_ms or call('ZSCORE', TIMERS, pseudonym) then
  return { dropped, 0 }
end
call('HDEL', FLAGGED, pseudonym)
call('HDEL', ACCOUNTS, pseudonym)
call('DEL', key)
return { dropped, 1 }
