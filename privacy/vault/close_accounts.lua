-- Closes accounts that are erased, whether the store knows of them or not.
--
-- Takes tombstones, an array: a tombstone, and until when it is kept, in ms; then the next.
local refusal = refuse_call({ [TOMBSTONES] = 'hget hset' })
if refusal then return refusal end
for index = 1, #args.tombstones, 2 do
  write_tombstone(args.tombstones[index], args.tombstones[index + 1])
end
return 1
