-- Drops tombstones that have stood their time.      KEYS as in every script of the vault      ARGV[1]  now in ms, then tombstones
local dropped = 0
for place = 2, #ARGV do
  if tonumber(call('HGET', KEYS[2], ARGV[place]) or 'inf') < tonumber(ARGV[1]) then
    dropped = dropped + call('HDEL', KEYS[2], ARGV[place])
  end
end
return dropped
