-- Tells which commands the caller's ACL does not allow. It runs none of them.
--
-- ARGV[1]  JSON: for each command its words, in an array
--
-- Returns the words of each command that is not allowed, or that this server does not know.
local refused = {}
for _, words in ipairs(cjson.decode(ARGV[1])) do
  local is_known, is_allowed = pcall(redis.acl_check_cmd, unpack(words))
  if not (is_known and is_allowed) then
    refused[#refused + 1] = table.concat(words, ' ')
  end
end
return refused
