-- Puts limits in force on one account shard. From then on its scripts refuse every caller that knows others. The flip cap
-- never grows and a tombstone never lives shorter, whoever asks: targets of stricter policies may have been registered.
--
-- KEYS  LIMITS  text, separated by spaces: flip cap w, daily cap M, seconds that an erased account stays closed, likes and
--               seconds of a burst, seconds below which an account is too young, retention periods in seconds, age bands
--               that are dropped, and the monthly cap, if there is one, as month=<cap>
-- ARGV  the same
--
-- Returns the limits that are in force now.
local LIMITS = KEYS[1]
local flip_cap, daily_cap, tombstone_ttl_seconds = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local rules = table.concat(ARGV, ' ', 4)

local known = redis.call('GET', LIMITS)
if known then
  local known_flip_cap, _, known_ttl_seconds = string.match(known, '^(%d+) (%d+) (%d+)')
  flip_cap = math.min(flip_cap, tonumber(known_flip_cap))
  tombstone_ttl_seconds = math.max(tombstone_ttl_seconds, tonumber(known_ttl_seconds))
end
local in_force = string.format('%.0f %.0f %.0f %s', flip_cap, daily_cap, tombstone_ttl_seconds, rules)
redis.call('SET', LIMITS, in_force)
return in_force
