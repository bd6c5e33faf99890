-- Drops the tombstones whose time is over.      Takes now_ms, and tombstones: an array.      Returns how many were dropped.
local refusal = refuse_call({ [TOMBSTONES] = 'hget hdel' })
if refusal then return refusal end
local dropped = 0
for _, tombstone in ipairs(args.tombstones) do
  if tonumber(call('HGET', TOMBSTONES, tombstone) or 'inf') < NOW_MS then
    dropped = dropped + call('HDEL', TOMBSTONES, tombstone)
  end
end
return dropped
