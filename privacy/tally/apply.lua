-- Applies changes from several outboxes to the logs of one target shard, exactly once.
--
-- KEYS[1]  marks: for each account shard the last outbox entry that this target shard has applied
-- ARGV[1]  prefix of the logs; the series number follows it
-- ARGV[2]  the numbers of the series as text    ARGV[3]  how many bytes of changes each has    both MessagePack arrays
-- ARGV[4]  the changes, series after series, 4 bytes each
-- then for each account shard: its number, the mark it must have now ('' for none), the mark it gets
--
-- Answers 1 when applied; 0, and nothing is touched, when another relay was here before.
local call, sub = redis.call, string.sub
local marks, prefix, changes = KEYS[1], ARGV[1], ARGV[4]

for first = 5, #ARGV, 3 do
  if (call('HGET', marks, ARGV[first]) or '') ~= ARGV[first + 1] then
    return 0
  end
end

local position, sizes = 1, cmsgpack.unpack(ARGV[3])
for index, series in ipairs(cmsgpack.unpack(ARGV[2])) do
  local following = position + sizes[index]
  call('APPEND', prefix .. series, sub(changes, position, following - 1))
  position = following
end

for first = 5, #ARGV, 3 do
  call('HSET', marks, ARGV[first], ARGV[first + 2])
end
return 1
