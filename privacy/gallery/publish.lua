-- Makes a release the current one of its target, unless a later one is current already.
--
-- KEYS[1]  the current release      ARGV[1]  epoch of the release      ARGV[2]  its document
local current = redis.call('GET', KEYS[1])
if not current or cjson.decode(current).epoch < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[2])
end
