-- Lets registers follow what they and their account are now: those that should stand rise, those that should not fall.
--
-- `fields` are names and values of an account's hash, in turn. What changes is written, and added to `changes` for the outbox.
-- Answers the account's day and count afterwards, and how many rose, how many fell, how many found the day full.
local function follow(key, fields, standing, kept_out, day, count, today, daily_cap, flip_cap, changes)
  local rose, fell, full, written = 0, 0, 0, {}
  for place = 1, #fields, 2 do
    local series = tonumber(fields[place])
    if series then
      local at, liked, block, flips, code = read_register(fields[place + 1])
      local stands = flips % 2 == 1
      local should_stand = liked and block == 0 and not kept_out
      if should_stand ~= stands and (stands or flips < flip_cap) then
        local may = true
        if not stands and flips == 0 then
          if standing >= HIDDEN then code = UNDISCLOSED end
          local new_day, new_count = admit(day, count, today, daily_cap)
          may = new_day ~= nil
          if may then day, count = new_day, new_count else full = full + 1 end
        end
        if may then
          flips = flips + 1
          local why = 0
          if stands then
            fell = fell + 1
            why = (not liked and UNLIKED) or (block > 0 and block) or kept_out
          else
            rose = rose + 1
          end
          changes[#changes + 1] = pack('<I8I4', series, code * 16 + why)
          written[#written + 1] = fields[place]
          written[#written + 1] = pack_register(at, liked, block, flips, code)
        end
      end
    end
  end
  write_fields(key, written)
  return day, count, rose, fell, full
end
