-- Returns the payloads of a producers' list and of every consumer's processing list for it, in one step: while ingest moves
-- tasks, separate reads could miss one. Returns false if a list is longer than the limit.
--
-- KEYS: the consumers, the producers' list. ARGV: prefix and suffix of a processing list's key, the limit.
local lists = { KEYS[2] }
for _, consumer in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  table.insert(lists, ARGV[1] .. consumer .. ARGV[2])
end
local payloads = {}
for _, list in ipairs(lists) do
  if redis.call('LLEN', list) > tonumber(ARGV[3]) then return false end
  for _, payload in ipairs(redis.call('LRANGE', list, 0, -1)) do
    table.insert(payloads, payload)
  end
end
return payloads
