-- Registers targets of one type in one target shard: assigns each new target its number and starts its series.
--
-- KEYS  TARGETS           hash: target id -> record, which is "<number> <json>"
--       COUNTER           number of targets registered so far
--       DUE               sorted set: series by next due time
-- ARGV  STATES            prefix of the series states; the series number follows it
--       SHARD             number of this target shard
--       SHARDS            number of target shards
--       KINDS_PER_TARGET  series numbers reserved for each target
--       KINDS             numbers of the kinds to start, separated by commas
--       then, for each target: target id, record without the number, first epoch ('' for none), its due time ('' for
--       none), starts_at_ms, policy version
--
-- Returns for each target the record that was there before; false for a new one.
local call = redis.call
local TARGETS, COUNTER, DUE = unpack(KEYS)
local STATES, SHARD, SHARDS, KINDS_PER_TARGET, KINDS = unpack(ARGV, 1, 5)
local FIRST_TARGET, FIELDS_PER_TARGET = 6, 6
local records = {}

local function start_series(number, target_id, epoch, due_ms, starts_at_ms, policy_version)
  for kind in string.gmatch(KINDS, '%d+') do
    local series = string.format('%.0f', number * KINDS_PER_TARGET + kind)
    call('HSET', STATES .. series, 'target_id', target_id, 'starts_at_ms', starts_at_ms,
      'policy_version', policy_version, 'first_epoch', epoch, 'epoch', epoch, 'log_offset', 0)
    call('ZADD', DUE, due_ms, series)
  end
end

for first = FIRST_TARGET, #ARGV, FIELDS_PER_TARGET do
  local target_id, json, epoch, due_ms, starts_at_ms, policy_version =
    unpack(ARGV, first, first + FIELDS_PER_TARGET - 1)
  local known = call('HGET', TARGETS, target_id)
  records[#records + 1] = known
  if not known then
    local number = (call('INCR', COUNTER) - 1) * SHARDS + SHARD
    call('HSET', TARGETS, target_id, string.format('%.0f', number) .. ' ' .. json)
    if epoch ~= '' then
      start_series(number, target_id, epoch, due_ms, starts_at_ms, policy_version)
    end
  end
end
return records
