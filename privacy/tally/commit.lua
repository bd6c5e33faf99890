-- Writes releases of one target shard, each once: measurements, release documents and ledger entries together.
--
-- KEYS  DUE           sorted set: series by next due time
--       LEDGER        list of ledger entries
--       HEAD          hash of the last ledger entry
--       PENDING       stream of releases to be copied to the gallery
-- ARGV  STATES        prefix of the series states; the series number follows this and the next two
--       NET_CHANGES   prefix of the net changes
--       MEASUREMENTS  prefix of the measurements
--       HEAD_BEFORE   head required now ('' for none)
--       HEAD_AFTER    new head
--       then, for each series: its number, the epoch required now, the log offset required now, the new log offset,
--       the next due time ('' after the last epoch), net changes, measurements, release document, ledger entry
--
-- Returns the length of the ledger when written; 0, having changed nothing, when another worker has released one of
-- the series or moved the ledger.
local call = redis.call
local DUE, LEDGER, HEAD, PENDING = unpack(KEYS)
local STATES, NET_CHANGES, MEASUREMENTS, HEAD_BEFORE, HEAD_AFTER = unpack(ARGV, 1, 5)
local FIRST_SERIES, FIELDS_PER_SERIES = 6, 9

if (call('GET', HEAD) or '') ~= HEAD_BEFORE then
  return 0
end
for first = FIRST_SERIES, #ARGV, FIELDS_PER_SERIES do
  local series, epoch, log_offset = unpack(ARGV, first, first + 2)
  local now = call('HMGET', STATES .. series, 'epoch', 'log_offset')
  if now[1] ~= epoch or now[2] ~= log_offset then
    return 0
  end
end

local length = 0
for first = FIRST_SERIES, #ARGV, FIELDS_PER_SERIES do
  local series, epoch, _, log_offset, next_due, net_changes, measurements, release, entry =
    unpack(ARGV, first, first + FIELDS_PER_SERIES - 1)
  call('HSET', STATES .. series, 'epoch', string.format('%.0f', epoch + 1), 'log_offset', log_offset)
  if next_due == '' then
    call('ZREM', DUE, series)
  else
    call('ZADD', DUE, next_due, series)
  end
  call('APPEND', NET_CHANGES .. series, net_changes)
  call('APPEND', MEASUREMENTS .. series, measurements)
  length = call('RPUSH', LEDGER, entry)
  call('XADD', PENDING, length .. '-0', 'release', release, 'entry', entry)
end
call('SET', HEAD, HEAD_AFTER)
return length
