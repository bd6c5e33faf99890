-- Answers how many entries were ever written to an outbox. What they say stays here.
--
-- KEYS[1]  outbox
local stream = redis.pcall('XINFO', 'STREAM', KEYS[1])
if stream.err then
  return string.find(stream.err, 'no such key', 1, true) and 0 or stream
end
for place = 1, #stream, 2 do
  if stream[place] == 'entries-added' then return stream[place + 1] end
end
