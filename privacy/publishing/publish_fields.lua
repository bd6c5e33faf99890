-- Writes fields of a hash of the gallery, each once: entries of a chain of the ledger, releases of an audience. Needs
-- write_once.lua.
--
-- KEYS  HASH
-- ARGV  for each field: its name (a sequence number, a period), its content
--
-- Returns ''; or key and name of the first field for which the gallery holds other bytes: it is not replaced, and
-- nothing is written.
local HASH = KEYS[1]
local VALUES_PER_FIELD = 2

local refusal = refuse_commands(HASH, 'hget', 'hsetnx')
if refusal then return refusal end
for first = 1, #ARGV, VALUES_PER_FIELD do
  local name, content = unpack(ARGV, first, first + 1)
  if not holds_no_other(HASH, name, content) then
    return HASH .. ' at ' .. name
  end
end

for first = 1, #ARGV, VALUES_PER_FIELD do
  local name, content = unpack(ARGV, first, first + 1)
  if not write_once(HASH, name, content) then
    return HASH .. ' at ' .. name -- the call itself holds two contents of one name
  end
end
return ''
