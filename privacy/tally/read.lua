-- Reads the inputs of the next release of each series, all at one moment.
--
-- KEYS  DUE           sorted set: series by the end of their running epoch, in ms
-- ARGV  STATES        prefix of the series states; the series number follows this and the next three
--       LOGS          prefix of the logs
--       NET_CHANGES   prefix of the net changes
--       MEASUREMENTS  prefix of the measurements
--       then the numbers of the series
--
-- Returns for each series: target_id, starts_at_ms, policy_version, first_epoch, epoch, the end of that epoch ('' after the
-- last one), the cut, the elements of the log that were taken in before that end, the net changes, the measurements. The cut
-- says where these elements are: the length of the log, then first and last index of each run of them.
local call = redis.call
local DUE = KEYS[1]
local STATES, LOGS, NET_CHANGES, MEASUREMENTS = unpack(ARGV, 1, 4)
local FIRST_SERIES, ELEMENTS_PER_STEP, MS_PER_SECOND = 5, 128, 1000
local rows = {}

-- Elements are in the order of their arrival: where one outbox was behind the others, earlier seconds stand behind later ones.
local function cut_log(log, due_second)
  local elements, cut = {}, { call('LLEN', log) }
  for first = 0, cut[1] - 1, ELEMENTS_PER_STEP do
    for place, element in ipairs(call('LRANGE', log, first, first + ELEMENTS_PER_STEP - 1)) do
      local index = first + place - 1
      if struct.unpack('<I4', element) < due_second then
        elements[#elements + 1] = element
        if #cut > 1 and cut[#cut] == index - 1 then
          cut[#cut] = index
        else
          cut[#cut + 1], cut[#cut + 2] = index, index
        end
      end
    end
  end
  return cmsgpack.pack(cut), elements
end

for number = FIRST_SERIES, #ARGV do
  local series = ARGV[number]
  local row = call('HMGET', STATES .. series, 'target_id', 'starts_at_ms', 'policy_version', 'first_epoch', 'epoch')
  local due_ms = call('ZSCORE', DUE, series)
  row[6] = due_ms or ''
  row[7], row[8] = cut_log(LOGS .. series, due_ms and math.floor(due_ms / MS_PER_SECOND) or 0)
  row[9] = call('LRANGE', NET_CHANGES .. series, 0, -1)
  row[10] = call('LRANGE', MEASUREMENTS .. series, 0, -1)
  rows[#rows + 1] = row
end
return rows
