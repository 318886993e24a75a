-- Enqueues a message unless its id is known: the reply to an earlier call may have been lost.
--
-- KEYS: the queue, its messages, its delayed messages, the job's hash (only for a job's message).
-- ARGV: the message's id, the message, the delay in milliseconds; for a job's message also the queue's name, the job's
-- token and the hash's time to live in seconds. The hash then names the job's newest message, for the recovery of jobs.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) == 1 then
  if ARGV[3] == '0' then
    redis.call('RPUSH', KEYS[1], ARGV[1])
  else
    redis.call('ZADD', KEYS[3], string.format('%.0f', now + ARGV[3]), ARGV[1])
  end
end
if KEYS[4] and tonumber(ARGV[5]) >= tonumber(redis.call('HGET', KEYS[4], 'at_token') or '0') then
  redis.call('HSET', KEYS[4], 'at', ARGV[4] .. '|' .. ARGV[1], 'at_token', ARGV[5])
  redis.call('EXPIRE', KEYS[4], ARGV[6])
end
