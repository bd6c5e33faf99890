-- Returns the number of entries that were ever written to an outbox, and nothing of their content.
--
-- KEYS[1]  outbox
local stream = redis.pcall('XINFO', 'STREAM', KEYS[1])
if stream.err then
  return string.find(stream.err, 'no such key', 1, true) and 0 or stream
end
for index = 1, #stream, 2 do
  if stream[index] == 'entries-added' then return stream[index + 1] end
end
