-- Audiences: what intake and moderation write down of an account for those who count it later. Loaded before their scripts.
--
-- Time is divided into slices, which are numbered from Monday 1970-01-05 on, by the time at which the outbox is written. All
-- periods of a policy's audiences are made of slices of one length. The list AUDIENCES:j<seconds>:<slice> is the journal of a
-- slice: rows of 16 bytes, account c8, target I4, joint code I4, one for each like that is first counted, in their order; or
-- REMOVED in place of a target, once an account is kept out of the counts. An account is named by its tombstone, which no
-- rotation of keys changes. The list AUDIENCES:l<slice seconds>/<period seconds>:<period> has the accounts that were counted in
-- the slices of a longer period so far: rows of account c8, series of the audience I4, joint code I4.
--
-- The hash AUDIENCES names these lists without its own name, and holds: b<seconds>, for each length of slices; closed, the time
-- in seconds by which every slice has been counted; version, which changes when rows are cut out.
local FIRST_SLICE_SECONDS = 345600
local ROW, ROW_BYTES, ACCOUNT_BYTES = '<c8I4I4', 16, 8
local REMOVED = 4294967294
local now_seconds

-- Returns the time at which the outbox is written, in seconds.
local function find_now()
  now_seconds = now_seconds or (args.stamp_ms and math.floor(args.stamp_ms / 1000) or tonumber(call('TIME')[1]))
  return now_seconds
end

-- Returns the name of the journal of the running slice; nil if that was counted before the clock was set back.
local function find_journal(slice_seconds)
  local slice = math.floor((find_now() - FIRST_SLICE_SECONDS) / slice_seconds)
  if FIRST_SLICE_SECONDS + (slice + 1) * slice_seconds > tonumber(call('HGET', AUDIENCES, 'closed') or 0) then
    return string.format('j%s:%.0f', slice_seconds, slice)
  end
end

-- Returns the journals of running slices by the length of these, and the table of needs of who writes to them.
local function open_journals(lengths)
  local journals, needs = {}, #lengths > 0 and { [AUDIENCES] = 'hget hset' } or {}
  for _, seconds in ipairs(lengths) do
    local name = find_journal(seconds)
    if name then
      journals[seconds] = name
      needs[AUDIENCES .. ':' .. name] = 'rpush'
    end
  end
  return journals, needs
end

-- Returns the same for all lengths that there are.
local function open_all_journals()
  local lengths = {}
  for _, field in ipairs(call('HKEYS', AUDIENCES)) do
    lengths[#lengths + 1] = string.match(field, '^b(%d+)$')
  end
  return open_journals(lengths)
end

-- Adds rows to the journal of a running slice.
local function append_rows(journals, seconds, rows)
  if journals[seconds] and #rows > 0 then
    call('HSET', AUDIENCES, 'b' .. seconds, '1', journals[seconds], '1')
    call('RPUSH', AUDIENCES .. ':' .. journals[seconds], rows)
  end
end

-- Takes an account out of every audience that it is counted in during periods that are not over.
local function leave_audiences(journals, account)
  for seconds in pairs(journals) do
    append_rows(journals, seconds, pack(ROW, account, REMOVED, 0))
  end
end
