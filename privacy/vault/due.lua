-- Finds accounts whose timer is due.
--
-- KEYS as in every script of the vault      ARGV[1]  prefix of the accounts' keys    ARGV[2]  id of the caller's outer key
-- ARGV[3]  now in ms    ARGV[4]  at most so many
--
-- Answers pseudonym and standing of each, in turn. An account that is about to be moved to its new pseudonym waits; a timer
-- without an account, or of one that needs none, is dropped.
local stale = check_key(KEYS[5], ARGV[2])
if stale then return stale end
local answers = {}
for _, pseudonym in ipairs(call('ZRANGE', KEYS[4], '-inf', ARGV[3], 'BYSCORE', 'LIMIT', 0, ARGV[4])) do
  local stored = call('EXISTS', ARGV[1] .. pseudonym) == 1 and call('HGET', ACCOUNTS, pseudonym)
  local standing = stored and read_account(stored) % HIDDEN
  if standing == RESTRICTED or standing == DELETED then
    answers[#answers + 1] = pseudonym
    answers[#answers + 1] = standing
  elseif stored or call('EXISTS', FORMER_PREFIX .. pseudonym) == 0 then
    call('ZREM', KEYS[4], pseudonym)
  end
end
return answers
