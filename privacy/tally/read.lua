-- Reads the inputs of the next release of each series, but for their logs, all at one moment.
--
-- KEYS  DUE           sorted set: series by the end of their running epoch, in ms
-- ARGV  STATES        prefix of the series states; the series number follows this and the next three
--       LOGS          prefix of the logs
--       NET_CHANGES   prefix of the net changes
--       MEASUREMENTS  prefix of the measurements
--       then the numbers of the series
--
-- Returns for each series: target_id, starts_at_ms, policy_version, first_epoch, epoch, the end of that epoch ('' after the
-- last one), the length of the log, the net changes, the measurements. A log only grows until a commit, so what it holds now
-- is read afterwards, without a script, which would copy each element twice; `commit.lua` refuses what another commit has moved.
local call = redis.call
local DUE = KEYS[1]
local STATES, LOGS, NET_CHANGES, MEASUREMENTS = unpack(ARGV, 1, 4)
local FIRST_SERIES = 5
local rows = {}

for number = FIRST_SERIES, #ARGV do
  local series = ARGV[number]
  local row = call('HMGET', STATES .. series, 'target_id', 'starts_at_ms', 'policy_version', 'first_epoch', 'epoch')
  row[6] = call('ZSCORE', DUE, series) or ''
  row[7] = call('LLEN', LOGS .. series)
  row[8] = call('LRANGE', NET_CHANGES .. series, 0, -1)
  row[9] = call('LRANGE', MEASUREMENTS .. series, 0, -1)
  rows[#rows + 1] = row
end
return rows
