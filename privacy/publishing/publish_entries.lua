-- Writes entries of one chain of the ledger, each once. Needs write_once.lua.
--
-- KEYS  CHAIN  hash: sequence number -> entry
-- ARGV  for each entry: its sequence number, the entry
--
-- Returns ''; or key and sequence number of the first entry for which the gallery holds other bytes: it is not
-- replaced, and nothing is written.
local CHAIN = KEYS[1]
local FIELDS_PER_ENTRY = 2

local refusal = refuse_commands(CHAIN, 'hget', 'hsetnx')
if refusal then return refusal end
for first = 1, #ARGV, FIELDS_PER_ENTRY do
  local sequence, entry = unpack(ARGV, first, first + 1)
  if not holds_no_other(CHAIN, sequence, entry) then
    return CHAIN .. ' at ' .. sequence
  end
end

for first = 1, #ARGV, FIELDS_PER_ENTRY do
  local sequence, entry = unpack(ARGV, first, first + 1)
  if not write_once(CHAIN, sequence, entry) then
    return CHAIN .. ' at ' .. sequence -- the call itself holds two entries of one number
  end
end
return ''
