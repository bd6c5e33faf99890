-- Applies changes from several outboxes to the logs of one target shard, exactly once.
--
-- KEYS  OFFSETS      hash: account shard -> id of the last outbox entry that this target shard has applied
-- ARGV  LOG_PREFIX   prefix of the logs; the series number follows it
--       SERIES       numbers of the series, as text: a MessagePack array
--       SIZES        bytes of changes of each series: a MessagePack array
--       CHANGES      the changes, series after series, 4 bytes each
--       then, for each account shard: its number, the offset required now ('' for none), the new offset
--
-- Returns 1 when applied; 0, having changed nothing, when another relay has moved an offset.
local call, sub = redis.call, string.sub
local OFFSETS = KEYS[1]
local LOG_PREFIX, SERIES, SIZES, CHANGES = unpack(ARGV, 1, 4)
local FIRST_SHARD, FIELDS_PER_SHARD = 5, 3

for first = FIRST_SHARD, #ARGV, FIELDS_PER_SHARD do
  local shard, required = unpack(ARGV, first, first + 1)
  if (call('HGET', OFFSETS, shard) or '') ~= required then
    return 0
  end
end

local position, sizes = 1, cmsgpack.unpack(SIZES)
for index, series in ipairs(cmsgpack.unpack(SERIES)) do
  local following = position + sizes[index]
  call('APPEND', LOG_PREFIX .. series, sub(CHANGES, position, following - 1))
  position = following
end

for first = FIRST_SHARD, #ARGV, FIELDS_PER_SHARD do
  local shard, _, offset = unpack(ARGV, first, first + 2)
  call('HSET', OFFSETS, shard, offset)
end
return 1
