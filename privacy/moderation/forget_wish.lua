-- Drops a wish for a rewrite of the log if there was none since.      KEYS[1]  the wish      ARGV[1]  as it was met
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
