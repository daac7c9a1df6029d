import type { RedisClient } from "../redis.ts";
import { createScript } from "../redis_script.ts";

/** Longest list that one script walks, so that Redis is never held up for long. */
export const SCAN = 200;
/** What is kept of a finished job, so that a repeated answer about it can be told from a stale one. */
const DONE_LIFE_MS = 3_600_000;
/** Threads that may end while a job runs, before the job is taken for the cause. */
const MAX_CRASHES = 3;
/** Processes that may vanish while a job runs; most are killed from outside, so the job itself is rarely the cause. */
const MAX_LAPSES = 20;

/**
 * Every script sees the same five keys of one queue and the prefix of its jobs, takes the time from Redis, and may be
 * repeated. A job is moved by whoever shows the token of its present attempt, and by nobody else.
 */
const PRELUDE = `
local ready, later, dead, settled, cursor = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local jobs = ARGV[1]
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function queue(id)
  local entry = redis.call('XADD', ready, '*', 'id', id)
  redis.call('HSET', jobs .. id, 'state', 'ready', 'entry', entry)
  redis.call('HDEL', jobs .. id, 'token')
end
local function leave(entry)
  redis.call('XACK', ready, 'workers', entry)
  redis.call('XDEL', ready, entry)
end
local function bury(id)
  redis.call('HSET', jobs .. id, 'state', 'dead')
  redis.call('HDEL', jobs .. id, 'token')
  redis.call('ZADD', dead, now(), id)
end
local function remember(id, text)
  local errors = redis.call('HGET', jobs .. id, 'errors')
  redis.call('HSET', jobs .. id, 'errors', errors and errors .. '\\n' .. text or text)
end
local function held(id, token)
  local job = redis.call('HMGET', jobs .. id, 'token', 'state', 'entry')
  return job[1] == token and job[2] == 'active' and job[3]
end
`;

export const SCRIPTS = {
  /** [expected batch, batch, (id, kind, version, payload, max attempts)…] → the batch that Redis now stands at. */
  publish: `
    local at = redis.call('GET', cursor) or '0'
    if at ~= ARGV[2] then return at end
    for i = 4, #ARGV, 5 do
      local id = ARGV[i]
      if redis.call('EXISTS', jobs .. id) == 0 and redis.call('SISMEMBER', settled, id) == 0 then
        redis.call('HSET', jobs .. id, 'kind', ARGV[i + 1], 'version', ARGV[i + 2], 'payload', ARGV[i + 3],
          'max', ARGV[i + 4], 'attempts', 0, 'crashes', 0, 'lapses', 0)
        queue(id)
      end
    end
    redis.call('SET', cursor, ARGV[3])
    return ARGV[3]`,

  /**
   * [entry, id, alone or nothing] → [kind, version, payload, attempt, max attempts, token, deferrals]; nothing when the
   * ticket is stale; suspect when a worker ended or vanished while the job ran and the caller runs others. A ticket goes to one
   * worker only, so the same ticket again is that worker's repetition.
   */
  start: `
    local entry, id = ARGV[2], ARGV[3]
    local job = redis.call('HMGET', jobs .. id, 'state', 'entry', 'kind', 'version', 'payload', 'max', 'attempts',
      'crashes', 'deferrals', 'lapses')
    if job[2] ~= entry then leave(entry) return false end
    local attempt = job[7]
    if job[1] == 'ready' then
      if ARGV[4] ~= 'alone' and job[8] + (job[10] or 0) > 0 then return 'suspect' end
      attempt = redis.call('HINCRBY', jobs .. id, 'attempts', 1)
    elseif job[1] ~= 'active' then
      return false
    end
    local token = entry .. ':' .. attempt
    redis.call('HSET', jobs .. id, 'state', 'active', 'token', token)
    return { job[3], job[4], job[5], tostring(attempt), job[6], token, job[9] or '0' }`,

  /** [id, token] → 1, also when this very attempt was completed before; 0 when the token is not the present one. */
  complete: `
    local id, token = ARGV[2], ARGV[3]
    local entry = held(id, token)
    if not entry then return redis.call('HGET', jobs .. id, 'done') == token and 1 or 0 end
    leave(entry)
    redis.call('HSET', jobs .. id, 'state', 'done', 'done', token)
    redis.call('HDEL', jobs .. id, 'payload', 'token', 'errors')
    redis.call('PEXPIRE', jobs .. id, ${DONE_LIFE_MS})
    redis.call('SADD', settled, id)
    return 1`,

  /** [id, token, error, delay ms or -1 for never again] → later, dead, or nothing when the token is not the present one. */
  fail: `
    local id, token, delay = ARGV[2], ARGV[3], tonumber(ARGV[5])
    local entry = held(id, token)
    if not entry then return false end
    leave(entry)
    remember(id, ARGV[4])
    local job = redis.call('HMGET', jobs .. id, 'attempts', 'max')
    if delay < 0 or tonumber(job[1]) >= tonumber(job[2]) then bury(id) return 'dead' end
    redis.call('HSET', jobs .. id, 'state', 'later')
    redis.call('HDEL', jobs .. id, 'token', 'deferrals')
    redis.call('ZADD', later, now() + delay, id)
    return 'later'`,

  /**
   * [id, token, delay ms, deferred or nothing] → 1 when the job was handed back with its attempt, and its deferral was
   * counted; 0 when the token is not the present one.
   */
  release: `
    local id, token, delay = ARGV[2], ARGV[3], tonumber(ARGV[4])
    local entry = held(id, token)
    if not entry then return 0 end
    leave(entry)
    redis.call('HINCRBY', jobs .. id, 'attempts', -1)
    if ARGV[5] == 'deferred' then redis.call('HINCRBY', jobs .. id, 'deferrals', 1) end
    if delay == 0 then queue(id) return 1 end
    redis.call('HSET', jobs .. id, 'state', 'later')
    redis.call('HDEL', jobs .. id, 'token')
    redis.call('ZADD', later, now() + delay, id)
    return 1`,

  /** [] → how many jobs whose time has come are ready now. */
  promote: `
    local due = redis.call('ZRANGE', later, '-inf', now(), 'BYSCORE', 'LIMIT', 0, ${SCAN})
    for _, id in ipairs(due) do
      redis.call('ZREM', later, id)
      if redis.call('HGET', jobs .. id, 'state') == 'later' then queue(id) end
    end
    return #due`,

  /** [consumer, (id, entry, token)…] → the entries that are lost. A ticket that is not begun yet has no token. */
  renew: `
    local lost = {}
    for i = 3, #ARGV, 3 do
      local id, entry, token = ARGV[i], ARGV[i + 1], ARGV[i + 2]
      local job = redis.call('HMGET', jobs .. id, 'entry', 'state')
      local waits = token == '' and job[1] == entry and job[2] == 'ready'
      if waits or held(id, token) == entry then
        redis.call('XCLAIM', ready, 'workers', ARGV[2], 0, entry, 'JUSTID')
      else
        lost[#lost + 1] = entry
      end
    end
    return lost`,

  /**
   * [lease ms, consumer or nothing] → how many were looked at, then (id, what became of it)… of ended or vanished workers.
   * Whoever names a consumer knows that its thread has ended by itself; a lease only tells that a process was not heard of.
   */
  reap: `
    local found = ARGV[3] == ''
      and redis.pcall('XPENDING', ready, 'workers', 'IDLE', ARGV[2], '-', '+', ${SCAN})
      or redis.pcall('XPENDING', ready, 'workers', '-', '+', ${SCAN}, ARGV[3])
    if found.err then return { '0' } end
    local count, max, text = 'crashes', ${MAX_CRASHES}, '{"error":"the worker ended while it ran"}'
    if ARGV[3] == '' then
      count, max, text = 'lapses', ${MAX_LAPSES}, '{"error":"the process vanished while it ran"}'
    end
    local outcome = { tostring(#found) }
    for _, pending in ipairs(found) do
      local entry = pending[1]
      local ticket = redis.call('XRANGE', ready, entry, entry)[1]
      local id = ticket and ticket[2][2] or ''
      local job = redis.call('HMGET', jobs .. id, 'state', 'entry')
      leave(entry)
      if job[2] == entry and job[1] == 'ready' then
        queue(id)
      elseif job[2] == entry and job[1] == 'active' then
        outcome[#outcome + 1] = id
        redis.call('HINCRBY', jobs .. id, 'attempts', -1)
        remember(id, text)
        if redis.call('HINCRBY', jobs .. id, count, 1) >= max then
          bury(id)
          outcome[#outcome + 1] = 'dead'
        else
          queue(id)
          outcome[#outcome + 1] = 'ready'
        end
      end
    end
    return outcome`,

  /** [consumer] → 1 when it is gone, 0 while it holds something: what it holds would go with it. */
  forget: `
    local pending = redis.pcall('XPENDING', ready, 'workers', '-', '+', 1, ARGV[2])
    if pending.err or #pending > 0 then return 0 end
    redis.call('XGROUP', 'DELCONSUMER', ready, 'workers', ARGV[2])
    return 1`,

  /** [idle ms] → how many consumers that held nothing for so long are gone. */
  sweep: `
    local consumers = redis.pcall('XINFO', 'CONSUMERS', ready, 'workers')
    if consumers.err then return 0 end
    local swept = 0
    for _, fields in ipairs(consumers) do
      local consumer = {}
      for i = 1, #fields, 2 do consumer[fields[i]] = fields[i + 1] end
      if swept < ${SCAN} and consumer.pending == 0 and consumer.idle >= tonumber(ARGV[2]) then
        redis.call('XGROUP', 'DELCONSUMER', ready, 'workers', consumer.name)
        swept = swept + 1
      end
    end
    return swept`,
} as const;

export type ScriptName = keyof typeof SCRIPTS;

const runs = new Map(
  Object.entries(SCRIPTS).map(([name, body]) => [name, createScript(PRELUDE + body)]),
);

/** Runs a script of the queue. */
export async function callScript(
  client: RedisClient,
  name: ScriptName,
  options: { keys: string[]; arguments: string[] },
): Promise<unknown> {
  const run = runs.get(name);
  if (!run) throw new Error(`Cannot call script "${name}": there is none`);
  return await run(client, options);
}
