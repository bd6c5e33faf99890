-- Finds the audiences of videos in one target shard: assigns each new one its number and starts its series, and lets one that is
-- closed run again. A script is not rolled back, so everything that could fail is tried before the first write.
--
-- A period is measured once, whatever the caller's clock says: none begins that may have been released, which is each one that
-- ends before OFFSETS says that all are closed, and each before the epoch of the series. The state of a canary's audience is
-- dropped some time after its last period, and its number stays: then the state is written again.
--
-- KEYS  AUDIENCES         hash: name of an audience -> its number
--       COUNTER           number of targets and audiences registered so far
--       DUE               sorted set: audiences by the end of their running period, in ms
--       OFFSETS           hash that holds the time in ms by which audiences are closed
-- ARGV  STATES            prefix of the series states; the series number follows it
--       SHARD             number of this target shard
--       SHARDS            number of target shards
--       KINDS_PER_TARGET  series numbers reserved for each number
--       SLOT              which of them is that of an audience
--       then, for each audience: name, id of its scope, scope, length of its periods in seconds, start of period 0 in ms, policy
--       version, running period, end of the schedule of a video that counts there, in ms
--
-- Returns the series number of each audience.
local call = redis.call
local AUDIENCES, COUNTER, DUE, OFFSETS = unpack(KEYS)
local STATES, SHARD, SHARDS, KINDS_PER_TARGET, SLOT = unpack(ARGV, 1, 5)
local FIRST_AUDIENCE, FIELDS_PER_AUDIENCE, MAX_SERIES, MS_PER_SECOND = 6, 8, 4294967295, 1000
local audiences, numbers, requested, created = {}, {}, {}, 0

if (#ARGV + 1 - FIRST_AUDIENCE) % FIELDS_PER_AUDIENCE ~= 0 then
  return redis.error_reply('BADCALL an audience lacks fields')
end
if not (redis.acl_check_cmd('HSET', AUDIENCES, '0', '0') and redis.acl_check_cmd('INCRBY', COUNTER, '1')
  and redis.acl_check_cmd('HSET', STATES .. '0', 'epoch', '0') and redis.acl_check_cmd('ZADD', DUE, '0', '0')) then
  return redis.error_reply('NOPERM the catalogue may not be written')
end
local registered = tonumber(call('GET', COUNTER) or 0)
local closed_ms = tonumber(call('HMGET', OFFSETS, 'closed')[1] or 0)

-- Gives a new audience its number; returns whether that is free.
local function assign_number(audience)
  local number = ((registered + created) * SHARDS + SHARD) * KINDS_PER_TARGET + SLOT
  audience.series, audience.is_new = string.format('%.0f', number), true
  created = created + 1
  return number <= MAX_SERIES and not call('HGET', STATES .. audience.series, 'epoch')
end

-- Finds the period with which an audience begins that does not run, and its end.
local function find_period(audience, next_epoch)
  local length_ms, starts_at_ms = audience.every * MS_PER_SECOND, tonumber(audience.starts_at_ms)
  local first_open = math.floor((closed_ms - starts_at_ms) / length_ms)
  local period = math.max(tonumber(audience.period), next_epoch, first_open)
  audience.period = string.format('%.0f', period)
  audience.due_ms = string.format('%.0f', starts_at_ms + (period + 1) * length_ms)
end

for first = FIRST_AUDIENCE, #ARGV, FIELDS_PER_AUDIENCE do
  local name = ARGV[first]
  local audience = requested[name]
  if not audience then
    audience = { name = name, until_ms = 0, series = call('HGET', AUDIENCES, name) }
    audience.id, audience.scope, audience.every, audience.starts_at_ms, audience.policy_version, audience.period
      = unpack(ARGV, first + 1, first + 6)
    if not audience.series and not assign_number(audience) then
      return redis.error_reply('TAKEN the series of a new audience is there already, or there are too many')
    end
    local target_id, epoch, until_ms = unpack(call('HMGET', STATES .. audience.series, 'target_id', 'epoch', 'until_ms'))
    audience.until_ms, audience.has_state, requested[name] = tonumber(until_ms or 0), target_id, audience
    audience.is_closed = not (call('ZSCORE', DUE, audience.series) and target_id)
    if audience.is_closed then find_period(audience, tonumber(epoch or 0)) end
    audiences[#audiences + 1] = audience
  end
  audience.until_ms = math.max(audience.until_ms, tonumber(ARGV[first + 7]))
  numbers[#numbers + 1] = audience.series
end

for _, audience in ipairs(audiences) do
  local state = STATES .. audience.series
  if audience.is_new then
    call('HSET', AUDIENCES, audience.name, audience.series)
  end
  if not audience.has_state then
    call('HSET', state, 'target_id', audience.id, 'scope', audience.scope, 'every_seconds', audience.every, 'starts_at_ms',
      audience.starts_at_ms, 'policy_version', audience.policy_version, 'first_epoch', audience.period)
  end
  if audience.is_closed then
    call('HSET', state, 'epoch', audience.period, 'purged', '')
    call('ZADD', DUE, audience.due_ms, audience.series)
  end
  call('HSET', state, 'until_ms', string.format('%.0f', audience.until_ms))
end
if created > 0 then
  call('INCRBY', COUNTER, created)
end
return numbers
