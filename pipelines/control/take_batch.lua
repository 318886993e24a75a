-- Moves further tasks behind those in the processing list, up to a batch, and returns the whole processing list.
--
-- KEYS: the producers' list, the processing list. ARGV: the size of a batch; 0 to move nothing.
for _ = redis.call('LLEN', KEYS[2]) + 1, tonumber(ARGV[1]) do
  if not redis.call('LMOVE', KEYS[1], KEYS[2], 'RIGHT', 'LEFT') then break end
end
return redis.call('LRANGE', KEYS[2], 0, -1)
