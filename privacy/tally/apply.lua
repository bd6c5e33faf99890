-- Applies changes from several outboxes to the logs of one target shard, exactly once.
--
-- KEYS[1]  marks: for each account shard the last outbox entry that this target shard has applied
-- ARGV[1]  prefix of the logs; the series number follows it
-- ARGV[2]  changes: for each series I8, number of bytes I4, then that many bytes, 4 for each change
-- then for each account shard: its number, the mark it must have now ('' for none), the mark it gets
--
-- Answers 1 when applied; 0, and nothing is touched, when another relay was here before.
local call, unpack = redis.call, struct.unpack
local marks, prefix, changes = KEYS[1], ARGV[1], ARGV[2]

for first = 3, #ARGV, 3 do
  if (call('HGET', marks, ARGV[first]) or '') ~= ARGV[first + 1] then
    return 0
  end
end

local position = 1
while position <= #changes do
  local series, size = unpack('<I8I4', changes, position)
  position = position + 12
  call('APPEND', prefix .. string.format('%.0f', series), string.sub(changes, position, position + size - 1))
  position = position + size
end

for first = 3, #ARGV, 3 do
  call('HSET', marks, ARGV[first], ARGV[first + 2])
end
return 1
