-- Claims a message of a job.
--
-- KEYS: the job's hash. ARGV: the job's token, the message's id, 1 to claim it although the job has ended (else 0), the
-- hash's time to live in seconds, the claimant.
--
-- Returns 'claimed', also to a claimant whose earlier reply was lost; 'duplicate' if another claimant has the message;
-- 'stale' if a newer token was seen; 'ended' if the claims of this token were revoked.
local seen = redis.call('HMGET', KEYS[1], 'token', 'ended')
local token = tonumber(ARGV[1])
if token < tonumber(seen[1] or '0') then return 'stale' end
if ARGV[3] == '0' and token <= tonumber(seen[2] or '-1') then return 'ended' end
local claimed = 'claimed:' .. ARGV[2]
if redis.call('HSETNX', KEYS[1], claimed, ARGV[5]) == 0 and redis.call('HGET', KEYS[1], claimed) ~= ARGV[5] then
  return 'duplicate'
end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 'claimed'
