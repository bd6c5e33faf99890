-- Writes the metadata of a target, unless a newer revision of it is there already.
--
-- KEYS[1]  the target      ARGV[1]  revision of the document      ARGV[2]  the document
local known = redis.call('GET', KEYS[1])
if not known or cjson.decode(known).revision < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[2])
end
