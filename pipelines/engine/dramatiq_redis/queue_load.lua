-- Returns the number of live workers and of the messages in all queues.
--
-- KEYS: the workers' heartbeats, the queues. ARGV: the longest time between two heartbeats of a live worker in
-- milliseconds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local backlog = 0
for i = 2, #KEYS do backlog = backlog + redis.call('LLEN', KEYS[i]) end
return {redis.call('ZCOUNT', KEYS[1], string.format('%.0f', now - ARGV[1]), '+inf'), backlog}
