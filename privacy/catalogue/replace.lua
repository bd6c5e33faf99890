-- Replaces records of targets of one type, each only if it is still as the caller read it.
--
-- KEYS[1]  hash target_id -> record      ARGV  for each target: target_id, record as it must be now, record afterwards
--
-- Answers for each 1 when replaced, 0 when somebody else was here before.
local answers = {}
for first = 1, #ARGV, 3 do
  local same = redis.call('HGET', KEYS[1], ARGV[first]) == ARGV[first + 1]
  if same then
    redis.call('HSET', KEYS[1], ARGV[first], ARGV[first + 2])
  end
  answers[#answers + 1] = same and 1 or 0
end
return answers
