-- Reads what the next release of each series is made from, as it stands at one moment.
--
-- KEYS[1]  due: names the slot
-- ARGV[1]  prefix of the series states    ARGV[2]  prefix of the logs
-- ARGV[3]  prefix of the net changes      ARGV[4]  prefix of the measurements
-- then the numbers of the series
--
-- Answers for each its target_id, starts_at_ms, policy_version, first_epoch, epoch and cut, then its log since the cut,
-- its net changes and its measurements.
local call = redis.call
local answers = {}

for index = 5, #ARGV do
  local series = ARGV[index]
  local row = call('HMGET', ARGV[1] .. series,
    'target_id', 'starts_at_ms', 'policy_version', 'first_epoch', 'epoch', 'cut')
  row[7] = call('GETRANGE', ARGV[2] .. series, row[6], -1)
  row[8] = call('GET', ARGV[3] .. series) or ''
  row[9] = call('GET', ARGV[4] .. series) or ''
  answers[index - 4] = row
end
return answers
