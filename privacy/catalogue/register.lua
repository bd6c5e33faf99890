-- Registers targets of one type in one target shard: assigns each new target its number and starts its series. A script is not
-- rolled back, so everything that could fail is tried before the first write.
--
-- KEYS  TARGETS           hash: target id -> record, which is "<number> <json>", or "<number>/<slice seconds> <json>" for one
--                         that counts in audiences
--       COUNTER           number of targets registered so far
--       DUE               sorted set: series by the end of their running epoch, in ms
--       RETIRED           hash: policy versions that take no target any more
--       AUDIENCES_OF      hash: number of a target -> the audiences in which it counts
-- ARGV  STATES            prefix of the series states; the series number follows it
--       SHARD             number of this target shard
--       SHARDS            number of target shards
--       KINDS_PER_TARGET  series numbers reserved for each target
--       KINDS             numbers of the kinds to start, separated by commas
--       SLICE_SECONDS     length of the slices of audiences
--       then, for each target: target id, record without the number, first epoch ('' for none), its end ('' for none),
--       starts_at_ms, policy version, audiences ('' for none)
--
-- Returns for each target the record that was there before; false for a new one.
local call = redis.call
local TARGETS, COUNTER, DUE, RETIRED, AUDIENCES_OF = unpack(KEYS)
local STATES, SHARD, SHARDS, KINDS_PER_TARGET, KINDS, SLICE_SECONDS = unpack(ARGV, 1, 6)
local FIRST_TARGET, FIELDS_PER_TARGET = 7, 7
local records, created, requested = {}, {}, {}

if (#ARGV + 1 - FIRST_TARGET) % FIELDS_PER_TARGET ~= 0 then
  return redis.error_reply('BADCALL a target lacks fields')
end
if not (redis.acl_check_cmd('HSET', TARGETS, '0', '0') and redis.acl_check_cmd('INCRBY', COUNTER, '1')
  and redis.acl_check_cmd('HSET', STATES .. '0', 'epoch', '0') and redis.acl_check_cmd('ZADD', DUE, '0', '0')
  and redis.acl_check_cmd('HSET', AUDIENCES_OF, '0', '')) then
  return redis.error_reply('NOPERM the catalogue may not be written')
end
call('ZCARD', DUE) -- raises an error where there is no sorted set
call('HMGET', AUDIENCES_OF, '0') -- and where there is no hash
local registered = tonumber(call('GET', COUNTER) or 0)

local function parse(first)
  local target = { series = {} }
  target.id, target.json, target.epoch, target.due_ms, target.starts_at_ms, target.policy_version, target.audiences =
    unpack(ARGV, first, first + FIELDS_PER_TARGET - 1)
  return target
end

-- Gives a new target its numbers; returns whether these are free.
local function assign_numbers(target)
  local number = (registered + #created) * SHARDS + SHARD
  target.number = string.format('%.0f', number)
  local counts = target.audiences ~= '' and '/' .. SLICE_SECONDS or ''
  target.record = target.number .. counts .. ' ' .. target.json
  if target.epoch == '' then
    return true
  end
  for kind in string.gmatch(KINDS, '%d+') do
    local series = string.format('%.0f', number * KINDS_PER_TARGET + kind)
    if call('HGET', STATES .. series, 'epoch') then
      return false
    end
    target.series[#target.series + 1] = series
  end
  return true
end

for first = FIRST_TARGET, #ARGV, FIELDS_PER_TARGET do
  local target = parse(first)
  local known = requested[target.id] or call('HGET', TARGETS, target.id)
  records[#records + 1] = known
  if not known then
    if call('HGET', RETIRED, target.policy_version) then
      return redis.error_reply('RETIRED a new target is bound to a policy that was retired')
    end
    if not assign_numbers(target) then
      return redis.error_reply('TAKEN a series of a new target is there already: the number of targets was lost')
    end
    created[#created + 1], requested[target.id] = target, target.record
  end
end

for _, target in ipairs(created) do
  call('HSET', TARGETS, target.id, target.record)
  if target.audiences ~= '' then call('HSET', AUDIENCES_OF, target.number, target.audiences) end
  for _, series in ipairs(target.series) do
    call('HSET', STATES .. series, 'target_id', target.id, 'starts_at_ms', target.starts_at_ms,
      'policy_version', target.policy_version, 'first_epoch', target.epoch, 'epoch', target.epoch)
    call('ZADD', DUE, target.due_ms, series)
  end
end
if #created > 0 then
  call('INCRBY', COUNTER, #created)
end
return records
