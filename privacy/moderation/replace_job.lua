-- Replaces the document of a job if it is still as the caller read it.
--
-- KEYS[1]  document      ARGV[1]  as it must be now    ARGV[2]  afterwards    ARGV[3]  its life in seconds from now
--
-- Answers 1 when replaced, 0 when somebody else was here before.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
