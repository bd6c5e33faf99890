-- Puts other limits in force on one account shard after a policy was retired: they may be looser, since no target is bound to
-- it. All else stays, since it is that of the policy in force.
--
-- KEYS  LIMITS  as in put_limits.lua
-- ARGV  FLIP_CAP, TOMBSTONE_TTL_SECONDS
--
-- Returns the limits that are in force now; an empty text if there were none.
local LIMITS = KEYS[1]
local flip_cap, tombstone_ttl_seconds = tonumber(ARGV[1]), tonumber(ARGV[2])

local known = redis.call('GET', LIMITS)
if not known then
  return ''
end
local daily_cap, rules = string.match(known, '^%d+ (%d+) %d+(.*)$')
local in_force = string.format('%.0f %s %.0f%s', flip_cap, daily_cap, tombstone_ttl_seconds, rules)
redis.call('SET', LIMITS, in_force)
return in_force
