-- Replaces the anchor of the clock, unless another process has replaced it since it was read. A script is not rolled back, so
-- what could fail is tried before the write.
--
-- KEYS  ANCHOR
-- ARGV  READ  the anchor as it was read ('' for none)
--       NEW   the new one
--
-- Returns 1 when replaced; 0, having changed nothing, when there is another one.
local ANCHOR = KEYS[1]
local READ, NEW = unpack(ARGV)

if (redis.call('GET', ANCHOR) or '') ~= READ then
  return 0
end
redis.call('SET', ANCHOR, NEW)
return 1
