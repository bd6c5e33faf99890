-- Closes slices: what was counted in periods that end with them goes to the outbox, what belongs to longer ones to their lists,
-- and the journals are dropped. One atomic step, which another worker may have done, or an erasure has spoilt: then nothing.
--
-- Takes:
--   closed_by   the end of these slices, in seconds
--   version     as it was read, or ''
--   lengths     a list and how many elements it had, for each that was read
--   dropped     lists that are over, or written again whole
--   rows        a list and an element to add to it, for each element
--   records     the name of a period and changes of audiences, for each entry of the outbox: series I4, change I4
--
-- Lists are named as in AUDIENCES. Returns 1 if the slices were closed, else 0.
local needs = { [AUDIENCES] = 'hget hset hdel hkeys', [OUTBOX] = 'xadd' }
for place = 1, #args.lengths, 2 do
  needs[AUDIENCES .. ':' .. args.lengths[place]] = 'llen unlink'
end
for place = 1, #args.rows, 2 do
  needs[AUDIENCES .. ':' .. args.rows[place]] = 'rpush'
end
local refusal = refuse_call(needs)
if refusal then return refusal end
if find_now() < args.closed_by or tonumber(call('HGET', AUDIENCES, 'closed') or 0) >= args.closed_by
  or (call('HGET', AUDIENCES, 'version') or '') ~= args.version then
  return 0
end
for place = 1, #args.lengths, 2 do
  if call('LLEN', AUDIENCES .. ':' .. args.lengths[place]) ~= args.lengths[place + 1] then
    return 0
  end
end

for _, name in ipairs(args.dropped) do
  call('UNLINK', AUDIENCES .. ':' .. name)
  call('HDEL', AUDIENCES, name)
end
for place = 1, #args.rows, 2 do
  call('RPUSH', AUDIENCES .. ':' .. args.rows[place], args.rows[place + 1])
  call('HSET', AUDIENCES, args.rows[place], '1')
end
local closed_by = string.format('%.0f', args.closed_by)
call('HSET', AUDIENCES, 'closed', closed_by)
for place = 1, #args.records, 2 do
  call('XADD', OUTBOX, next_outbox_id(), args.records[place], args.records[place + 1])
end
call('XADD', OUTBOX, next_outbox_id(), 'u', closed_by)
return 1
