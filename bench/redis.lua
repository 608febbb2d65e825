-- One hold in Redis: units of an item until a deadline, decided and written as one step.
-- KEYS[1] a hash of `on_hand` and `held`; ARGV[1] the owner, ARGV[2] seconds to hold. Returns the hold's number.
-- What Kasir keeps beside this (request ids, journal with hashes, stored replies) is left out here.
local stock = redis.call('HMGET', KEYS[1], 'on_hand', 'held')
if tonumber(stock[1]) - tonumber(stock[2]) < 1 then
    return redis.error_reply('OUT_OF_STOCK ' .. KEYS[1])
end
local now = tonumber(redis.call('TIME')[1])
local expires = now + tonumber(ARGV[2])
local id = redis.call('INCR', 'hold_ids')
redis.call('HINCRBY', KEYS[1], 'held', 1)
redis.call('HSET', 'hold:' .. id, 'item', KEYS[1], 'quantity', 1, 'owner', ARGV[1], 'created', now, 'expires', expires)
-- What a worker that ends claims looks for.
redis.call('ZADD', 'deadlines', expires, id)
return id
