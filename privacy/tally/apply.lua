-- Applies changes from the outboxes to the logs of one target shard, exactly once.
--
-- A log is a list. Its elements are made by `privacy.tally.log_elements`. A script is not rolled back, so everything that
-- could fail is tried before the first write.
--
-- KEYS  OFFSETS        hash: account shard -> id of the last outbox entry that this target shard has applied; `watermark` -> time
--                      in ms up to which every outbox is applied; `closed:` and an account shard -> time in seconds up to which
--                      that has closed the periods of audiences; `closed` -> time in ms up to which every one has
--       AUDIENCE_LOGS  hash: names of the periods that have a log of their audiences
-- ARGV  LOG_PREFIX   prefix of the logs; the series number follows it
--       SERIES       the series of each element, as text: a MessagePack array
--       SIZES        bytes of each element: a MessagePack array
--       ELEMENTS     the elements, one after the other
--       REQUIRED     the fields of OFFSETS required now, in the order above, '' for none: a MessagePack array
--       AFTER        the new ones: a MessagePack array
--       AUDIENCE_LOG_PREFIX            prefix of the logs of audiences; the name of the period follows it
--       PERIODS                        names of the periods of the elements of these logs: a MessagePack array
--       PERIOD_SIZES, PERIOD_ELEMENTS  as SIZES and ELEMENTS
--
-- Returns 1 when applied; 0, having changed nothing, when another relay has moved an offset or the watermark.
local call, sub = redis.call, string.sub
local OFFSETS, AUDIENCE_LOGS = KEYS[1], KEYS[2]
local LOG_PREFIX, ELEMENTS, AUDIENCE_LOG_PREFIX, PERIOD_ELEMENTS = ARGV[1], ARGV[4], ARGV[7], ARGV[10]
local series, sizes = cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[3])
local required, after = cmsgpack.unpack(ARGV[5]), cmsgpack.unpack(ARGV[6])
local periods, period_sizes = cmsgpack.unpack(ARGV[8]), cmsgpack.unpack(ARGV[9])
local MIN_ELEMENT_BYTES, MAX_ELEMENT_BYTES, WORD_BYTES = 8, 65536, 4

local fields, account_shards = {}, #required / 2 - 1
for shard = 0, account_shards - 1 do
  fields[shard + 1], fields[account_shards + 2 + shard] = shard, 'closed:' .. shard
end
fields[account_shards + 1], fields[#required] = 'watermark', 'closed'
local stored = call('HMGET', OFFSETS, unpack(fields))
for place = 1, #required do
  if (stored[place] or '') ~= required[place] then
    return 0
  end
end

-- Returns the error for elements that are none, or do not fit their sizes and logs; else nil.
local function refuse_elements(names, prefix, element_sizes, elements)
  local total = 0
  for _, size in ipairs(element_sizes) do
    if size < MIN_ELEMENT_BYTES or size > MAX_ELEMENT_BYTES or size % WORD_BYTES ~= 0 then
      return redis.error_reply('BADELEMENT an element has ' .. size .. ' bytes; whole changes, at most ' .. MAX_ELEMENT_BYTES)
    end
    total = total + size
  end
  if #names ~= #element_sizes or total ~= #elements then
    return redis.error_reply('BADCALL the elements do not fit their sizes')
  end
  for index, name in ipairs(names) do
    if name ~= names[index - 1] then
      call('LLEN', prefix .. name) -- raises an error where there is no list
    end
  end
end

local refusal = refuse_elements(series, LOG_PREFIX, sizes, ELEMENTS)
  or refuse_elements(periods, AUDIENCE_LOG_PREFIX, period_sizes, PERIOD_ELEMENTS)
if refusal then return refusal end
if #after ~= #required then
  return redis.error_reply('BADCALL the offsets do not fit the account shards')
end
if #periods > 0 then
  call('HMGET', AUDIENCE_LOGS, '0') -- raises an error where there is no hash
end
if not (redis.acl_check_cmd('RPUSH', LOG_PREFIX .. '0', '') and redis.acl_check_cmd('HSET', OFFSETS, '0', '')
  and redis.acl_check_cmd('RPUSH', AUDIENCE_LOG_PREFIX .. '0', '') and redis.acl_check_cmd('HSET', AUDIENCE_LOGS, '0', '')) then
  return redis.error_reply('NOPERM the tally may not be written')
end

local function append(names, prefix, element_sizes, elements)
  local position = 1
  for index, name in ipairs(names) do
    local following = position + element_sizes[index]
    call('RPUSH', prefix .. name, sub(elements, position, following - 1))
    position = following
  end
end

append(series, LOG_PREFIX, sizes, ELEMENTS)
append(periods, AUDIENCE_LOG_PREFIX, period_sizes, PERIOD_ELEMENTS)
for index, name in ipairs(periods) do
  if name ~= periods[index - 1] then
    call('HSET', AUDIENCE_LOGS, name, '1')
  end
end
local changed = {}
for place, reached in ipairs(after) do
  if reached ~= required[place] then
    changed[#changed + 1] = fields[place]
    changed[#changed + 1] = reached
  end
end
if #changed > 0 then
  call('HSET', OFFSETS, unpack(changed))
end
return 1
