-- Returns the oldest tasks of the processing list, oldest first, after moving further tasks behind those in it. The batch
-- ends after the task that makes it as large as it may be; of a task only its beginning is returned.
--
-- KEYS: the producers' list, the processing list. ARGV: the largest number of tasks; the number to move, 0 for none; the
-- size of a batch in bytes; the size of a task in bytes.
local waiting = redis.call('LLEN', KEYS[2])
local batch, size = {}, 0
for place = 1, tonumber(ARGV[1]) do
  if place > waiting then
    if place > tonumber(ARGV[2]) or not redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT') then break end
  end
  local task = string.sub(redis.call('LINDEX', KEYS[2], -place), 1, tonumber(ARGV[4]))
  batch[place] = task
  size = size + #task
  if size >= tonumber(ARGV[3]) then break end
end
return batch
