-- Writes releases of one gallery shard, each once; the latest of each series becomes its current one.
--
-- KEYS     for each release: the releases of its series, the points of its series, the current release of its series
-- ARGV     for each release: its epoch, its document, its point
--
-- Answers '', or the place of the first release that the gallery holds in other bytes: that one is not replaced, and
-- none after it is written.
for number = 1, #KEYS / 3 do
  local last = 3 * number
  local releases, points, current = KEYS[last - 2], KEYS[last - 1], KEYS[last]
  local epoch, release, point = ARGV[last - 2], ARGV[last - 1], ARGV[last]
  if not (write_once(releases, epoch, release) and write_once(points, epoch, point)) then
    return releases .. ' at ' .. epoch
  end
  local standing = call('GET', current)
  if not standing or cjson.decode(standing).epoch < tonumber(epoch) then
    call('SET', current, release)
  end
end
return ''
