-- Writes releases of one target shard, once and for ever: measurements, release documents and ledger entries together.
--
-- KEYS[1]  due: series by next due time      KEYS[2]  ledger: list of entries
-- KEYS[3]  head: hash of the last ledger entry      KEYS[4]  outgoing: stream of releases to be copied to the gallery
-- ARGV[1]  prefix of the series states    ARGV[2]  prefix of the net changes    ARGV[3]  prefix of the measurements
-- ARGV[4]  head as it must be now ('' for none)      ARGV[5]  head afterwards
-- then for each series: its number, epoch as it must be now, cut as it must be now, cut afterwards, next due time or ''
-- after the last epoch, net changes, measurements, release document, ledger entry
--
-- Answers the length of the ledger when written; 0, and nothing is touched, when another worker was here before.
local call = redis.call
local due, ledger, head, outgoing = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local length = 0
local states, net_changes, measurements = ARGV[1], ARGV[2], ARGV[3]

if (call('GET', head) or '') ~= ARGV[4] then
  return 0
end
for first = 6, #ARGV, 9 do
  local now = call('HMGET', states .. ARGV[first], 'epoch', 'cut')
  if now[1] ~= ARGV[first + 1] or now[2] ~= ARGV[first + 2] then
    return 0
  end
end

for first = 6, #ARGV, 9 do
  local series, epoch, next_due = ARGV[first], ARGV[first + 1], ARGV[first + 4]
  call('HSET', states .. series, 'epoch', string.format('%.0f', epoch + 1), 'cut', ARGV[first + 3])
  if next_due == '' then
    call('ZREM', due, series)
  else
    call('ZADD', due, next_due, series)
  end
  call('APPEND', net_changes .. series, ARGV[first + 5])
  call('APPEND', measurements .. series, ARGV[first + 6])
  length = call('RPUSH', ledger, ARGV[first + 8])
  call('XADD', outgoing, length .. '-0', 'release', ARGV[first + 7], 'entry', ARGV[first + 8])
end
call('SET', head, ARGV[5])
return length
