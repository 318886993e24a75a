-- Enqueues a message unless its id is known: the reply to an earlier call may have been lost.
--
-- KEYS: the queue, its messages, its delayed messages. ARGV: the message's id, the message, the delay in milliseconds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 1 then
  if ARGV[3] == '0' then
    redis.call('RPUSH', KEYS[1], ARGV[1])
  else
    redis.call('ZADD', KEYS[3], string.format('%.0f', now + ARGV[3]), ARGV[1])
  end
end
