-- Acknowledges a job's message and stores the time: from then on the job's worker renews the lease.
--
-- KEYS: the ids of the messages that the worker has fetched, the queue's messages, the job's hash.
-- ARGV: the message's id, the hash's time to live in seconds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('SREM', KEYS[1], ARGV[1]) > 0 then
  redis.call('HDEL', KEYS[2], ARGV[1])
end
redis.call('HSET', KEYS[3], 'taken', string.format('%.0f', now))
redis.call('EXPIRE', KEYS[3], ARGV[2])
