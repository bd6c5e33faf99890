-- Registers videos in one target shard: gives each new one its number and starts its series.
--
-- KEYS[1]  hash video_id -> record      KEYS[2]  counter of targets      KEYS[3]  due: series by next due time
-- ARGV[1]  prefix of the series states; the series number follows it
-- ARGV[2]  this shard      ARGV[3]  number of target shards      ARGV[4]  kinds a target      ARGV[5]  kinds to start
-- then for each video: video_id, record without the number, first epoch or '', its due time or '', posted_at_ms,
-- policy version
--
-- A record is "<number> <json>". Answers the record of each video that was there before, false for each new one.
local call = redis.call
local videos, counter, due = KEYS[1], KEYS[2], KEYS[3]
local prefix, shard, shards, kinds_a_target, kinds = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local answers = {}

local function start_series(number, video_id, epoch, due_ms, posted_at_ms, policy_version)
  for kind in string.gmatch(kinds, '%d+') do
    local series = string.format('%.0f', number * kinds_a_target + kind)
    call('HSET', prefix .. series, 'video_id', video_id, 'posted_at_ms', posted_at_ms,
      'policy_version', policy_version, 'first_epoch', epoch, 'epoch', epoch, 'cut', 0)
    call('ZADD', due, due_ms, series)
  end
end

for first = 6, #ARGV, 6 do
  local video_id, json, epoch = ARGV[first], ARGV[first + 1], ARGV[first + 2]
  local known = call('HGET', videos, video_id)
  answers[#answers + 1] = known
  if not known then
    local number = (call('INCR', counter) - 1) * shards + shard
    call('HSET', videos, video_id, string.format('%.0f', number) .. ' ' .. json)
    if epoch ~= '' then
      start_series(number, video_id, epoch, ARGV[first + 3], ARGV[first + 4], ARGV[first + 5])
    end
  end
end
return answers
