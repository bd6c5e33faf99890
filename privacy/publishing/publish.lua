-- Writes releases of one gallery shard, each once; the latest release of each series becomes its current one.
-- Needs write_once.lua.
--
-- KEYS  for each release: RELEASES, POINTS (hashes of its series: epoch -> document), CURRENT (release of its series)
-- ARGV  for each release: its epoch, release document, point document
--
-- Returns ''; or key and epoch of the first release for which the gallery holds other bytes: it is not replaced, and
-- nothing is written.
local FIELDS_PER_RELEASE = 3
local latest = {} -- epoch of the current release, by CURRENT

-- A right to keys of one of these three kinds is a right to all of that kind.
local refusal = refuse_commands(KEYS[1], 'hget', 'hsetnx') or refuse_commands(KEYS[2], 'hget', 'hsetnx')
  or refuse_commands(KEYS[3], 'get', 'set')
if refusal then return refusal end
for first = 1, #KEYS, FIELDS_PER_RELEASE do
  local RELEASES, POINTS, CURRENT = unpack(KEYS, first, first + FIELDS_PER_RELEASE - 1)
  local epoch, release, point = unpack(ARGV, first, first + FIELDS_PER_RELEASE - 1)
  if not (holds_no_other(RELEASES, epoch, release) and holds_no_other(POINTS, epoch, point)) then
    return RELEASES .. ' at ' .. epoch
  end
  local current = call('GET', CURRENT)
  latest[CURRENT] = current and cjson.decode(current).epoch or -1
end

for first = 1, #KEYS, FIELDS_PER_RELEASE do
  local RELEASES, POINTS, CURRENT = unpack(KEYS, first, first + FIELDS_PER_RELEASE - 1)
  local epoch, release, point = unpack(ARGV, first, first + FIELDS_PER_RELEASE - 1)
  if not (write_once(RELEASES, epoch, release) and write_once(POINTS, epoch, point)) then
    return RELEASES .. ' at ' .. epoch -- the call itself holds two documents of one release
  end
  if latest[CURRENT] < tonumber(epoch) then
    call('SET', CURRENT, release)
    latest[CURRENT] = tonumber(epoch)
  end
end
return ''
