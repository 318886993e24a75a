"""Lua scripts of admission control, each atomic; keys in the order of `providers.images.routing.admission`."""

from __future__ import annotations

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

#: Checks every limit before it changes anything. Returns the verdict and a wait, milliseconds.
ACQUIRE = (
    _NOW
    + """
local starts, calls, paused, circuit, by_provider, by_owner = unpack(KEYS)
local call, rpm, slots = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local max_wait, lease = tonumber(ARGV[4]), tonumber(ARGV[5])
local cost, provider_usd, owner_usd, keep = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]

if owner_usd >= 0 and tonumber(redis.call('GET', by_owner) or 0) + cost > owner_usd then return {'owner_budget', 0} end
if provider_usd >= 0 and tonumber(redis.call('GET', by_provider) or 0) + cost > provider_usd then
  return {'provider_budget', 0}
end
local half_open = false
local open_until = tonumber(redis.call('HGET', circuit, 'until') or 0)
if open_until > now then return {'open', open_until - now} end
if open_until > 0 then
  local probe = tonumber(redis.call('HGET', circuit, 'probe') or 0)
  if probe > now then return {'open', math.min(1000, probe - now)} end
  half_open = true
end
local pause = redis.call('PTTL', paused)
if pause > 0 then return {'paused', pause} end
if slots > 0 then
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', now)
  if redis.call('ZCARD', calls) >= slots then return {'full', 0} end
end
local wait = 0
if rpm > 0 then
  redis.call('ZREMRANGEBYSCORE', starts, '-inf', now - 60000)
  local begun = redis.call('ZCARD', starts)
  if begun >= rpm then
    wait = math.max(0, redis.call('ZRANGE', starts, begun - rpm, begun - rpm, 'WITHSCORES')[2] + 60000 - now)
  end
  if wait > max_wait then return {'paced', wait} end
  redis.call('ZADD', starts, now + wait, call)
  redis.call('PEXPIRE', starts, wait + 60000)
end
if slots > 0 then
  redis.call('ZADD', calls, now + wait + lease, call)
  redis.call('PEXPIRE', calls, 3600000)
end
if half_open then redis.call('HSET', circuit, 'probe', now + lease) end
if cost > 0 then
  redis.call('INCRBY', by_provider, cost)
  redis.call('EXPIRE', by_provider, keep)
  redis.call('INCRBY', by_owner, cost)
  redis.call('EXPIRE', by_owner, keep)
end
return {'admitted', wait}
"""
)

RELEASE = (
    _NOW
    + """
local starts, calls, paused, circuit, by_provider, by_owner = unpack(KEYS)
local call, health, correction, pause, begun = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local failures_to_open, open_for, forget, keep = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]

redis.call('ZREM', calls, call)
if begun == '0' then redis.call('ZREM', starts, call) end
if pause > 0 then redis.call('SET', paused, 1, 'PX', pause) end
if health == 'up' then
  redis.call('DEL', circuit)
elseif health == 'unknown' then
  redis.call('HDEL', circuit, 'probe')
else
  local failures = redis.call('HINCRBY', circuit, 'failures', health == 'gone' and failures_to_open or 1)
  if failures >= failures_to_open then
    redis.call('HSET', circuit, 'until', now + open_for)
    redis.call('HDEL', circuit, 'probe')
  end
  redis.call('PEXPIRE', circuit, forget)
end
if correction ~= 0 then
  for _, key in ipairs({by_provider, by_owner}) do
    redis.call('INCRBY', key, correction)
    redis.call('EXPIRE', key, keep)
  end
end
"""
)

#: Returns 1 if the provider is paused or its circuit is open.
IS_BLOCKED = (
    _NOW
    + """
local open_until = tonumber(redis.call('HGET', KEYS[2], 'until') or 0)
if open_until > now or redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
return 0
"""
)

RENEW = (
    _NOW
    + """
local lease = tonumber(ARGV[1])
for number = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', 'GT', now + lease, ARGV[number]) end
redis.call('PEXPIRE', KEYS[1], 3600000)
"""
)
