"""The Lua scripts of the broker. All of them read the time from Redis: the clocks of hosts differ.

| key | type | what | lives |
|---|---|---|---|
| `dramatiq:{queue}` | list | ids of messages | until fetched |
| `dramatiq:{queue}.msgs` | hash | messages by id, delayed and fetched ones too | until acknowledged |
| `dramatiq:__acks__.{worker}.{queue}` | set | ids of messages that a worker fetched | until acknowledged |
| `dramatiq:__heartbeats__` | sorted set | workers by their last command, milliseconds | until they are forgotten |
| `darkroom:delayed:{queue}` | sorted set | ids of messages by the time they are due, milliseconds | until due |
"""

from __future__ import annotations

# Milliseconds since the epoch, in a local variable.
_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

# Put before Dramatiq's own script: replaces the host's time in its arguments.
SERVER_TIME = _NOW + "ARGV[2] = string.format('%.0f', now)\n"

# Enqueues a message, now or in ARGV[3] milliseconds, unless its id is known: the reply to an earlier call may have been
# lost. For a job's message (KEYS[4]) it is noted where the job's newest message is, for the recovery of jobs.
ENQUEUE = (
    _NOW
    + """
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
"""
)

# Moves delayed messages that are due into their queue. Returns the milliseconds until the next one is, or -1.
MOVE_DUE = (
    _NOW
    + """
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, 500)) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('RPUSH', KEYS[2], id)
end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return next[2] and math.max(0, next[2] - now) or -1
"""
)

# Acknowledges a job's message and notes in the job's hash when: its worker renews the lease from then on.
ACK_JOB = (
    _NOW
    + """
if redis.call('SREM', KEYS[1], ARGV[1]) > 0 then
  redis.call('HDEL', KEYS[2], ARGV[1])
end
redis.call('HSET', KEYS[3], 'taken', string.format('%.0f', now))
redis.call('EXPIRE', KEYS[3], ARGV[2])
"""
)

# Whether the newest message of a job waits: in its queue, delayed, or fetched by a worker that lives (ARGV[3] is the
# longest silence of one, milliseconds). So does a job that was taken less than ARGV[4] milliseconds ago: its worker may
# not have renewed the lease yet.
IS_QUEUED = (
    _NOW
    + """
local at = redis.call('HMGET', KEYS[1], 'at', 'at_token', 'taken')
if not at[1] or at[2] ~= ARGV[1] then return 0 end
if at[3] and now - at[3] < tonumber(ARGV[4]) then return 1 end
local queue, id = string.match(at[1], '^([^|]*)|(.*)$')
-- Earlier versions kept delayed messages in queues that nobody reads any more.
if string.sub(queue, -3) == '.DQ' then return 0 end
if redis.call('HEXISTS', ARGV[2] .. ':' .. queue .. '.msgs', id) == 0 then return 0 end
local workers = redis.call('ZRANGE', ARGV[2] .. ':__heartbeats__', 0, -1, 'WITHSCORES')
for i = 1, #workers, 2 do
  if redis.call('SISMEMBER', ARGV[2] .. ':__acks__.' .. workers[i] .. '.' .. queue, id) == 1 then
    return tonumber(workers[i + 1]) >= now - ARGV[3] and 1 or 0
  end
end
return 1
"""
)

# Forgets the messages that dead workers had fetched (ARGV[2] is the longest silence of a live one, milliseconds). Jobs
# are recovered from the table, never by Dramatiq's own redelivery: one job must not come back twice.
BURY_WORKERS = (
    _NOW
    + """
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
"""
)

# Returns how many workers live (ARGV[1] is the longest silence of one, milliseconds) and how many messages are in their
# queues.
LOAD = (
    _NOW
    + """
local backlog = 0
for i = 2, #KEYS do backlog = backlog + redis.call('LLEN', KEYS[i]) end
return {redis.call('ZCOUNT', KEYS[1], string.format('%.0f', now - ARGV[1]), '+inf'), backlog}
"""
)
