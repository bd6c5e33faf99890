-- Shared by the scripts that publish: what is published is written once. Redis does not roll a script back, so everything
-- that can be refused is refused before the first write: the caller's rights, keys of another type, and other bytes.
local call = redis.call

-- Returns the error for commands that the caller's ACL does not allow on a key; else nil.
local function refuse_commands(key, ...)
  for _, command in ipairs({ ... }) do
    if not redis.acl_check_cmd(command, key, key) then
      return redis.error_reply('NOPERM the script needs ' .. command .. ' on keys like ' .. key)
    end
  end
end

-- Checks whether a field of a hash holds a value, or nothing yet.
local function holds_no_other(key, field, value)
  local held = call('HGET', key, field)
  return not held or held == value
end

-- Writes a field of a hash unless it exists. Returns whether the field now holds this value.
local function write_once(key, field, value)
  return call('HSETNX', key, field, value) == 1 or call('HGET', key, field) == value
end
