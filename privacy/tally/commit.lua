-- Writes releases of one target shard, each once: measurements, release documents and ledger entries together; and drops from
-- the logs what these releases have counted. A script is not rolled back, so everything that could fail is tried before the
-- first write.
--
-- KEYS  DUE           sorted set: series by the end of their running epoch, in ms
--       LEDGER        list of ledger entries
--       HEAD          hash of the last ledger entry
--       PENDING       stream of releases to be copied to the gallery
--       OFFSETS       hash that holds the watermark, and the time by which audiences are closed
--       VISIBLE       sorted set: sequence numbers of pending releases by the time in ms from which they are visible
--       AUDIENCE_DUE  sorted set: audiences by the end of their running period, in ms
-- ARGV  STATES        prefix of the series states; the series number follows this and the next three
--       LOGS          prefix of the logs
--       NET_CHANGES   prefix of the net changes
--       MEASUREMENTS  prefix of the measurements
--       HEAD_BEFORE   head required now ('' for none)
--       HEAD_AFTER    new head
--       WRITTEN_BY_MS time of this server after which the releases must not be written, since they might be late for when
--                     they are visible; '' for none
--       SIZES         bytes of each field of CONTENT, a MessagePack array
--       CONTENT       the fields of all releases, one after the other; of each, the number of its series, the epoch and its
--                     end required now, the cut of its log (a MessagePack array: the length of the log as it was read, then
--                     the first and last place of each run that is counted), the end of the next epoch ('' after the last
--                     one), from when the release is visible, net changes, measurements, release document, ledger entry, and
--                     the time required now until which videos of an audience may be liked ('' for a target)
--
-- Returns the length of the ledger when written. Otherwise nothing has changed: 0 when another worker has moved the ledger, −1
-- when it is too late, an array of the series that are not as they were read, or not due.
local call = redis.call
local DUE, LEDGER, HEAD, PENDING, OFFSETS, VISIBLE, AUDIENCE_DUE = unpack(KEYS)
local STATES, LOGS, NET_CHANGES, MEASUREMENTS, HEAD_BEFORE, HEAD_AFTER, WRITTEN_BY_MS, SIZES, CONTENT = unpack(ARGV)
local FIELDS_PER_SERIES, MS_PER_SECOND = 11, 1000
local KINDS_PER_TARGET, AUDIENCE_SLOT = 4, 3
local releases = {}
local watermark, closed = unpack(call('HMGET', OFFSETS, 'watermark', 'closed'))
local last_due_ms = { [DUE] = tonumber(watermark or -1) + 1, [AUDIENCE_DUE] = tonumber(closed or -1) }

-- Returns whether the counted elements are still where they were read: a log only grows until a commit.
local function holds(log, cut, due_seconds)
  if not cut[2] then
    return call('LLEN', log) >= cut[1]
  end
  for place = 2, #cut do
    local element = call('LINDEX', log, cut[place])
    if not element or struct.unpack('<I4', element) >= due_seconds then
      return false
    end
  end
  return true
end

local function parse(fields, first)
  local series, epoch, due_ms, cut, next_due_ms, visible_ms, net_changes, measurements, document, entry, until_ms
    = unpack(fields, first, first + FIELDS_PER_SERIES - 1)
  local state = call('HMGET', STATES .. series, 'epoch', 'visible_ms', 'until_ms')
  return {
    series = series,
    waiting = tonumber(series) % KINDS_PER_TARGET == AUDIENCE_SLOT and AUDIENCE_DUE or DUE,
    epoch = epoch,
    -- An audience that was to end goes on if a video of it was registered meanwhile.
    is_next = epoch == state[1] and (next_due_ms ~= '' or until_ms == (state[3] or '')),
    due_ms = tonumber(due_ms),
    cut = cmsgpack.unpack(cut),
    next_due_ms = next_due_ms,
    -- The epochs of a series appear in their order, also if one was late and the next one is in time.
    visible_ms = string.format('%.0f', math.max(visible_ms, state[2] or 0)),
    net_changes = net_changes,
    measurements = measurements,
    document = document,
    entry = entry,
  }
end

-- Returns the last sequence number that the stream of pending releases has given away.
local function last_pending()
  local info = call('EXISTS', PENDING) == 1 and call('XINFO', 'STREAM', PENDING) or {}
  for place = 1, #info, 2 do
    if info[place] == 'last-generated-id' then
      return tonumber(string.match(info[place + 1], '^%d+'))
    end
  end
  return 0
end

local function may_write()
  for _, command in ipairs({ { 'HSET', STATES .. '0', 'epoch', '0' }, { 'ZADD', DUE, '0', '0' }, { 'ZREM', DUE, '0' },
    { 'ZADD', AUDIENCE_DUE, '0', '0' }, { 'ZREM', AUDIENCE_DUE, '0' },
    { 'RPUSH', NET_CHANGES .. '0', '' }, { 'RPUSH', MEASUREMENTS .. '0', '' }, { 'RPUSH', LEDGER, '' },
    { 'LSET', LOGS .. '0', '0', '' }, { 'LTRIM', LOGS .. '0', '0', '0' }, { 'LREM', LOGS .. '0', '0', '' },
    { 'UNLINK', LOGS .. '0', NET_CHANGES .. '0' }, { 'XADD', PENDING, '*', 'release', '' }, { 'ZADD', VISIBLE, '0', '0' },
    { 'SET', HEAD, '' } }) do
    if not redis.acl_check_cmd(unpack(command)) then
      return false
    end
  end
  return true
end

if (call('GET', HEAD) or '') ~= HEAD_BEFORE then
  return 0
end
local fields, read = cmsgpack.unpack(SIZES), 0
for place, size in ipairs(fields) do
  fields[place] = string.sub(CONTENT, read + 1, read + size)
  read = read + size
end
if #fields % FIELDS_PER_SERIES ~= 0 or read ~= #CONTENT then
  return redis.error_reply('BADCALL a release lacks fields')
end
local seen, refused = {}, {}
for first = 1, #fields, FIELDS_PER_SERIES do
  local release = parse(fields, first)
  local series = release.series
  local due_ms = tonumber(call('ZSCORE', release.waiting, series) or '')
  if not release.is_next or not due_ms or due_ms ~= release.due_ms or due_ms > last_due_ms[release.waiting]
    or not holds(LOGS .. series, release.cut, math.floor(due_ms / MS_PER_SECOND)) or seen[series] then
    refused[#refused + 1] = series
  end
  call('LLEN', NET_CHANGES .. series) -- raises an error where there is no list, as the next one does
  call('LLEN', MEASUREMENTS .. series)
  releases[#releases + 1], seen[series] = release, true
end
if #refused > 0 then
  return refused
end
call('ZSCORE', VISIBLE, '0') -- raises an error where there is no sorted set
local length = call('LLEN', LEDGER)
if last_pending() > length then
  return redis.error_reply('SHORTLEDGER the ledger lacks entries of releases that wait to be published')
end
if not may_write() then
  return redis.error_reply('NOPERM the tally may not be written')
end
local now = call('TIME')
if WRITTEN_BY_MS ~= '' and now[1] * MS_PER_SECOND + now[2] / MS_PER_SECOND > tonumber(WRITTEN_BY_MS) then
  return -1
end

local function drop_counted(log, cut)
  local behind, place, first_left = 0, 2, 0
  if cut[2] == 0 then
    place, first_left = 4, cut[3] + 1
  end
  for first = place, #cut, 2 do
    for index = cut[first], cut[first + 1] do
      call('LSET', log, index, '')
      behind = behind + 1
    end
  end
  if first_left > 0 then call('LTRIM', log, first_left, -1) end
  if behind > 0 then call('LREM', log, behind, '') end
end

-- One call for all releases where one command can write them.
local entries, visible, due = {}, {}, { [DUE] = {}, [AUDIENCE_DUE] = {} }
for place, release in ipairs(releases) do
  local series = release.series
  call('HSET', STATES .. series, 'epoch', string.format('%.0f', release.epoch + 1), 'visible_ms', release.visible_ms)
  if release.next_due_ms == '' then
    call('ZREM', release.waiting, series)
    call('UNLINK', LOGS .. series, NET_CHANGES .. series)
  else
    local next_due = due[release.waiting]
    next_due[#next_due + 1], next_due[#next_due + 2] = release.next_due_ms, series
    drop_counted(LOGS .. series, release.cut)
    if release.net_changes ~= '' then call('RPUSH', NET_CHANGES .. series, release.net_changes) end
  end
  if release.measurements ~= '' then call('RPUSH', MEASUREMENTS .. series, release.measurements) end
  local sequence = length + place - 1
  call('XADD', PENDING, sequence + 1 .. '-0', 'release', release.document, 'entry', release.entry)
  entries[place] = release.entry
  visible[#visible + 1], visible[#visible + 2] = release.visible_ms, sequence
end
for key, next_due in pairs(due) do
  if #next_due > 0 then call('ZADD', key, unpack(next_due)) end
end
call('ZADD', VISIBLE, unpack(visible))
call('SET', HEAD, HEAD_AFTER)
return call('RPUSH', LEDGER, unpack(entries))
