-- Reads the inputs of the next release of each series, all at one moment.
--
-- KEYS  DUE           names the slot; not read
-- ARGV  STATES        prefix of the series states; the series number follows this and the next three
--       LOGS          prefix of the logs
--       NET_CHANGES   prefix of the net changes
--       MEASUREMENTS  prefix of the measurements
--       then the numbers of the series
--
-- Returns for each series: target_id, starts_at_ms, policy_version, first_epoch, epoch, log_offset, the log from that
-- offset on, the net changes, the measurements.
local call = redis.call
local STATES, LOGS, NET_CHANGES, MEASUREMENTS = unpack(ARGV, 1, 4)
local FIRST_SERIES = 5
local rows = {}

for index = FIRST_SERIES, #ARGV do
  local series = ARGV[index]
  local row = call('HMGET', STATES .. series,
    'target_id', 'starts_at_ms', 'policy_version', 'first_epoch', 'epoch', 'log_offset')
  row[7] = call('GETRANGE', LOGS .. series, row[6], -1)
  row[8] = call('GET', NET_CHANGES .. series) or ''
  row[9] = call('GET', MEASUREMENTS .. series) or ''
  rows[#rows + 1] = row
end
return rows
