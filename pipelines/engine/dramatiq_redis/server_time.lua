-- Put before Dramatiq's own script: replaces the host's time in its arguments by that of Redis.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
ARGV[2] = string.format('%.0f', now)
