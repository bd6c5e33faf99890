-- Applies changes from the outboxes to the logs of one target shard, exactly once.
--
-- A log is a list. Its elements are made by `privacy.tally.log_elements`. A script is not rolled back, so everything that
-- could fail is tried before the first write.
--
-- KEYS  OFFSETS      hash: account shard -> id of the last outbox entry that this target shard has applied; `watermark` -> time
--                    in ms up to which every outbox is applied
-- ARGV  LOG_PREFIX   prefix of the logs; the series number follows it
--       SERIES       the series of each element, as text: a MessagePack array
--       SIZES        bytes of each element: a MessagePack array
--       ELEMENTS     the elements, one after the other
--       REQUIRED     the offset of each account shard required now, then the watermark, '' for none: a MessagePack array
--       AFTER        the new offset of each account shard, and the new watermark: a MessagePack array
--
-- Returns 1 when applied; 0, having changed nothing, when another relay has moved an offset or the watermark.
local call, sub = redis.call, string.sub
local OFFSETS = KEYS[1]
local LOG_PREFIX, ELEMENTS = ARGV[1], ARGV[4]
local series, sizes = cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[3])
local required, after = cmsgpack.unpack(ARGV[5]), cmsgpack.unpack(ARGV[6])
local MIN_ELEMENT_BYTES, MAX_ELEMENT_BYTES, WORD_BYTES = 8, 65536, 4

local fields = {}
for place = 1, #required - 1 do
  fields[place] = place - 1
end
fields[#required] = 'watermark'
local stored = call('HMGET', OFFSETS, unpack(fields))
for place = 1, #required do
  if (stored[place] or '') ~= required[place] then
    return 0
  end
end

local total = 0
for _, size in ipairs(sizes) do
  if size < MIN_ELEMENT_BYTES or size > MAX_ELEMENT_BYTES or size % WORD_BYTES ~= 0 then
    return redis.error_reply('BADELEMENT an element has ' .. size .. ' bytes; whole changes, at most ' .. MAX_ELEMENT_BYTES)
  end
  total = total + size
end
if #series ~= #sizes or total ~= #ELEMENTS or #after ~= #required then
  return redis.error_reply('BADCALL the elements do not fit their sizes, or the offsets the account shards')
end
for index, number in ipairs(series) do
  if number ~= series[index - 1] then
    call('LLEN', LOG_PREFIX .. number) -- raises an error where there is no list
  end
end
if not (redis.acl_check_cmd('RPUSH', LOG_PREFIX .. '0', '') and redis.acl_check_cmd('HSET', OFFSETS, '0', '')) then
  return redis.error_reply('NOPERM the tally may not be written')
end

local position = 1
for index, number in ipairs(series) do
  local following = position + sizes[index]
  call('RPUSH', LOG_PREFIX .. number, sub(ELEMENTS, position, following - 1))
  position = following
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
