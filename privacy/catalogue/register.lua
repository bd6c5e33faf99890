-- Registers targets of one type in one target shard: gives each new one its number and starts its series.
--
-- KEYS[1]  hash target_id -> record      KEYS[2]  counter of targets      KEYS[3]  due: series by next due time
-- ARGV[1]  prefix of the series states; the series number follows it
-- ARGV[2]  this shard      ARGV[3]  number of target shards      ARGV[4]  kinds a target      ARGV[5]  kinds to start
-- then for each target: target_id, record without the number, first epoch or '', its due time or '', starts_at_ms,
-- policy version
--
-- A record is "<number> <json>". Answers the record of each target that was there before, false for each new one.
local call = redis.call
local targets, counter, due = KEYS[1], KEYS[2], KEYS[3]
local prefix, shard, shards, kinds_a_target, kinds = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local answers = {}

local function start_series(number, target_id, epoch, due_ms, starts_at_ms, policy_version)
  for kind in string.gmatch(kinds, '%d+') do
    local series = string.format('%.0f', number * kinds_a_target + kind)
    call('HSET', prefix .. series, 'target_id', target_id, 'starts_at_ms', starts_at_ms,
      'policy_version', policy_version, 'first_epoch', epoch, 'epoch', epoch, 'cut', 0)
    call('ZADD', due, due_ms, series)
  end
end

for first = 6, #ARGV, 6 do
  local target_id, json, epoch = ARGV[first], ARGV[first + 1], ARGV[first + 2]
  local known = call('HGET', targets, target_id)
  answers[#answers + 1] = known
  if not known then
    local number = (call('INCR', counter) - 1) * shards + shard
    call('HSET', targets, target_id, string.format('%.0f', number) .. ' ' .. json)
    if epoch ~= '' then
      start_series(number, target_id, epoch, ARGV[first + 3], ARGV[first + 4], ARGV[first + 5])
    end
  end
end
return answers
