-- Returns 1 if a message is queued, delayed, or fetched by a live worker, else 0.
--
-- ARGV: the message's id, the broker's namespace, the longest time between two heartbeats of a live worker in
-- milliseconds, all queues.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 4, #ARGV do
  local queue = ARGV[i]
  if redis.call('HEXISTS', ARGV[2] .. ':' .. queue .. '.msgs', ARGV[1]) == 1 then
    local workers = redis.call('ZRANGE', ARGV[2] .. ':__heartbeats__', 0, -1, 'WITHSCORES')
    for n = 1, #workers, 2 do
      if redis.call('SISMEMBER', ARGV[2] .. ':__acks__.' .. workers[n] .. '.' .. queue, ARGV[1]) == 1 then
        return tonumber(workers[n + 1]) >= now - ARGV[3] and 1 or 0
      end
    end
    return 1
  end
end
return 0
