-- Puts a signed tree head in the place of the one that it goes on from; of two notaries, one is too late.
--
-- KEYS[1]  the heads      ARGV[1]  latest head as it must be now ('' for none)      ARGV[2]  latest head afterwards
-- ARGV[3]  field in which it stays when it is not the latest any more
--
-- Answers 1 when it is done; 0, and nothing is touched, when there is another latest head.
if (redis.call('HGET', KEYS[1], 'latest') or '') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'latest', ARGV[2], ARGV[3], ARGV[2])
return 1
