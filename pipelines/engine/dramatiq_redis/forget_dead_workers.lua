-- Deletes the messages that dead workers had fetched, and their heartbeats. Jobs are recovered from the table, never by
-- Dramatiq's own redelivery: a job must not be recovered twice.
--
-- ARGV: the broker's namespace, the time without a heartbeat after which a worker is dead in milliseconds, all queues.
-- Returns the number of dead workers.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local horizon = string.format('%.0f', now - ARGV[2])
local dead = redis.call('ZRANGEBYSCORE', ARGV[1] .. ':__heartbeats__', 0, horizon)
for _, worker in ipairs(dead) do
  for i = 3, #ARGV do
    local acks = ARGV[1] .. ':__acks__.' .. worker .. '.' .. ARGV[i]
    for _, id in ipairs(redis.call('SMEMBERS', acks)) do
      redis.call('HDEL', ARGV[1] .. ':' .. ARGV[i] .. '.msgs', id)
    end
    redis.call('DEL', acks)
  end
  redis.call('ZREM', ARGV[1] .. ':__heartbeats__', worker)
end
return #dead
