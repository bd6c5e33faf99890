-- Replaces records of targets of one type, each only if it is still as the caller read it. A script is not rolled back, so
-- everything that could fail is tried before the first write.
--
-- KEYS  TARGETS  hash: target id -> record
-- ARGV  for each target: target id, the record required now, the new record
--
-- Returns for each target 1 when replaced; 0 when another process has changed it.
local call = redis.call
local TARGETS = KEYS[1]
local FIELDS_PER_TARGET = 3
local replaced, records = {}, {}

if #ARGV % FIELDS_PER_TARGET ~= 0 then
  return redis.error_reply('BADCALL a target lacks fields')
end
if not redis.acl_check_cmd('HSET', TARGETS, '0', '0') then
  return redis.error_reply('NOPERM the catalogue may not be written')
end
for first = 1, #ARGV, FIELDS_PER_TARGET do
  local target_id, required, record = unpack(ARGV, first, first + FIELDS_PER_TARGET - 1)
  local unchanged = (records[target_id] or call('HGET', TARGETS, target_id)) == required
  if unchanged then
    records[target_id] = record
  end
  replaced[#replaced + 1] = unchanged and 1 or 0
end
for target_id, record in pairs(records) do
  call('HSET', TARGETS, target_id, record)
end
return replaced
