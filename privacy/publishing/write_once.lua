-- What is published is written once: shared by the scripts that write it.
local call = redis.call

-- Writes a field of a hash that is not there yet; answers whether the field holds this value now.
local function write_once(key, field, value)
  return call('HSETNX', key, field, value) == 1 or call('HGET', key, field) == value
end
