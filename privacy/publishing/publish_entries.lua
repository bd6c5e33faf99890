-- Writes entries of one chain of the ledger, each once.
--
-- KEYS[1]  the chain      ARGV  for each entry: its sequence number, the entry
--
-- Answers '', or the place of the first entry that the gallery holds in other bytes: that one is not replaced, and none
-- after it is written.
for number = 1, #ARGV / 2 do
  if not write_once(KEYS[1], ARGV[2 * number - 1], ARGV[2 * number]) then
    return KEYS[1] .. ' at ' .. ARGV[2 * number - 1]
  end
end
return ''
