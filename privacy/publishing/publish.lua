-- Writes releases of one gallery shard, each once; the latest release of each series becomes its current one.
-- Needs write_once.lua.
--
-- KEYS  for each release: RELEASES, POINTS (hashes of its series: epoch -> document), CURRENT (release of its series)
-- ARGV  for each release: its epoch, release document, point document
--
-- Returns ''; or key and epoch of the first release for which the gallery holds other bytes: it is not replaced, and
-- no later release is written.
local FIELDS_PER_RELEASE = 3

for first = 1, #KEYS, FIELDS_PER_RELEASE do
  local RELEASES, POINTS, CURRENT = unpack(KEYS, first, first + FIELDS_PER_RELEASE - 1)
  local epoch, release, point = unpack(ARGV, first, first + FIELDS_PER_RELEASE - 1)
  if not (write_once(RELEASES, epoch, release) and write_once(POINTS, epoch, point)) then
    return RELEASES .. ' at ' .. epoch
  end
  local current = call('GET', CURRENT)
  if not current or cjson.decode(current).epoch < tonumber(epoch) then
    call('SET', CURRENT, release)
  end
end
return ''
