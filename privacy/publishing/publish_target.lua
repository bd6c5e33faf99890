-- Writes the metadata of a target, unless the gallery holds the same or a newer revision.
--
-- KEYS  TARGET
-- ARGV  REVISION  of the document
--       DOCUMENT
local TARGET = KEYS[1]
local REVISION, DOCUMENT = unpack(ARGV)

local known = redis.call('GET', TARGET)
if not known or cjson.decode(known).revision < tonumber(REVISION) then
  redis.call('SET', TARGET, DOCUMENT, 'KEEPTTL') -- a canary's metadata has its life from its releases
end
