-- Returns 1 if the newest message of a job is queued, delayed, or fetched by a live worker, else 0.
--
-- KEYS: the job's hash. ARGV: the job's token, the broker's namespace, the longest time between two heartbeats of a live
-- worker in milliseconds, and a time in milliseconds: a job whose message was acknowledged more recently counts too,
-- since its worker may not have renewed the lease yet.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = redis.call('HMGET', KEYS[1], 'at', 'at_token', 'taken')
if not at[1] or at[2] ~= ARGV[1] then return 0 end
if at[3] and now - at[3] < tonumber(ARGV[4]) then return 1 end
local queue, id = string.match(at[1], '^([^|]*)|(.*)$')
-- Earlier versions kept delayed messages in queues that are not read any more.
if string.sub(queue, -3) == '.DQ' then return 0 end
if redis.call('HEXISTS', ARGV[2] .. ':' .. queue .. '.msgs', id) == 0 then return 0 end
local workers = redis.call('ZRANGE', ARGV[2] .. ':__heartbeats__', 0, -1, 'WITHSCORES')
for i = 1, #workers, 2 do
  if redis.call('SISMEMBER', ARGV[2] .. ':__acks__.' .. workers[i] .. '.' .. queue, id) == 1 then
    return tonumber(workers[i + 1]) >= now - ARGV[3] and 1 or 0
  end
end
return 1
