-- Shared by the scripts that publish: what is published is written once.
local call = redis.call

-- Writes a field of a hash unless it exists. Returns whether the field now holds this value.
local function write_once(key, field, value)
  return call('HSETNX', key, field, value) == 1 or call('HGET', key, field) == value
end
