import { createScript } from "../../../platform/redis_script.ts";

const NOW = `local time = redis.call('TIME') local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** Times are those of Redis, because the clocks of instances differ. [id] → 1 when the lease is new. */
export const renewLease = createScript(`${NOW} return redis.call('ZADD', KEYS[1], now, ARGV[1])`);

/** [lease in ms] → ids of those that live. */
export const listLive = createScript(
  `${NOW} return redis.call('ZRANGE', KEYS[1], now - tonumber(ARGV[1]), '+inf', 'BYSCORE')`,
);

/** Moves leases that have run out among the dead, which are emptied by whoever has time. [lease in ms] → the dead. */
export const listDead = createScript(`${NOW}
  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], '-inf', now - tonumber(ARGV[1]), 'BYSCORE')) do
    redis.call('ZREM', KEYS[1], id)
    redis.call('SADD', KEYS[2], id)
  end
  return redis.call('SMEMBERS', KEYS[2])`);

/**
 * The status is the best of those that live; "told" keeps the last one that was announced and when. [interval in ms, id
 * of each that lives…] → ["told", status], ["wait", ms], or nothing.
 */
export const announceStatus = createScript(`${NOW}
  local status = 'offline'
  for i = 2, #ARGV do
    local present = redis.call('HGET', KEYS[1], ARGV[i])
    if present == 'online' then status = 'online' end
    if present == 'away' and status == 'offline' then status = 'away' end
  end
  local told, at = string.match(redis.call('HGET', KEYS[1], 'told') or 'offline 0', '^(%a+) (%d+)$')
  if told == status then return {} end
  local wait = tonumber(at) + tonumber(ARGV[1]) - now
  if wait > 0 then return { 'wait', tostring(wait) } end
  redis.call('HSET', KEYS[1], 'told', string.format('%s %.0f', status, now))
  if status == 'offline' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
  return { 'told', status }`);
