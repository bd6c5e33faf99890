-- Closes accounts that are erased, whether the store knows of them or not.
--
-- Takes tombstones, an array: a tombstone, and until when it is kept, in ms; then the next.
local stale = refuse_stale_key()
if stale then return stale end
for index = 1, #args.tombstones, 2 do
  write_tombstone(args.tombstones[index], args.tombstones[index + 1])
end
return 1
