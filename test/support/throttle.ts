import { AppError } from "../../src/platform/errors.ts";
import { createKeys } from "../../src/platform/keys.ts";
import { openRedis, type Redis, type RedisClient } from "../../src/platform/redis.ts";
import {
  type Admitted,
  type Attempt,
  createThrottle,
  type Throttle,
} from "../../src/platform/throttle.ts";
import type { ThrottlePolicy } from "../../src/platform/throttle_policy.ts";
import { silentLog } from "./database.ts";
import { testServices } from "./services.ts";

/** Long against what a busy machine may take for a test, because real time passes beside the time made up here. */
export const FIRST_WAIT_S = 10;
export const LONGEST_WAIT_S = 600;
export const NOISE_S = 5;
export const PAIR: ThrottlePolicy = {
  name: "pair",
  freeFailures: 3,
  firstWaitMs: FIRST_WAIT_S * 1_000,
  longestWaitMs: LONGEST_WAIT_S * 1_000,
  isResetBySuccess: true,
};
export const ACCOUNT: ThrottlePolicy = {
  name: "account",
  freeFailures: 6,
  firstWaitMs: FIRST_WAIT_S * 1_000,
  longestWaitMs: LONGEST_WAIT_S * 1_000,
  isWaivedForKnown: true,
};
export const ADDRESS: ThrottlePolicy = { ...ACCOUNT, name: "address", freeFailures: 20 };

/** Two throttles of one key space over connections of their own, as two instances have them. */
export interface TestThrottles extends AsyncDisposable {
  here: Throttle;
  there: Throttle;
  /** The connections of both. */
  connections: Redis[];
  client: RedisClient;
  prefix: string;
}

export async function openTestThrottles(
  options: { url?: URL; scale?: number } = {},
): Promise<TestThrottles> {
  const url = options.url ?? new URL((await testServices()).redisUrl);
  const prefix = `t${Bun.randomUUIDv7().replaceAll("-", "").slice(-20)}`;
  const log = { ...silentLog, warn: () => undefined };
  const open = () => openRedis({ url, log, name: "throttle" });
  const [one, other] = [await open(), await open()];
  const made = (redis: typeof one) =>
    createThrottle({
      redis,
      keys: createKeys(prefix),
      scale: options.scale ?? 1,
      now: () => new Date(),
    });
  return {
    here: made(one),
    there: made(other),
    connections: [one, other],
    client: one.client,
    prefix,
    [Symbol.asyncDispose]: async () => {
      if (one.isReady()) await forget(one.client, await listThrottleKeys(one.client, prefix));
      await Promise.all([one.close(), other.close()]);
    },
  };
}

async function forget(client: RedisClient, keys: string[]): Promise<void> {
  if (keys.length > 0) await client.del(keys);
}

export async function listThrottleKeys(client: RedisClient, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const keys of client.scanIterator({ MATCH: `${prefix}:{*}:throttle:*`, COUNT: 1_000 }))
    found.push(...keys);
  return found;
}

const AGE = `
for _, key in ipairs(KEYS) do
  if string.find(key, ':throttle:known:', 1, true) then
    for _, caller in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZINCRBY', key, -ARGV[1], caller) end
  else
    redis.call('HINCRBY', key, 'at', -ARGV[1])
    -- Zero says that there is no wait.
    if redis.call('HGET', key, 'until') ~= '0' then redis.call('HINCRBY', key, 'until', -ARGV[1]) end
  end
end`;

/** Makes everything that was counted so much older, which is the same as waiting for it. */
export async function age(client: RedisClient, prefix: string, ms: number): Promise<void> {
  const keys = await listThrottleKeys(client, prefix);
  if (keys.length > 0) await client.eval(AGE, { keys, arguments: [String(ms)] });
}

const HOLD = `
local now = redis.call('TIME')[1] * 1000
for _, key in ipairs(KEYS) do redis.call('HSET', key, 'level', 1000, 'until', now + ARGV[1]) end`;

/** Makes every subject that a policy has counted wait so long, as if it had failed many times. */
export async function hold(
  client: RedisClient,
  prefix: string,
  { policy, ms }: { policy: string; ms: number },
): Promise<void> {
  const counts = await listThrottleKeys(client, prefix);
  const keys = counts.filter((key) => key.includes(`:throttle:${policy}:`));
  if (keys.length === 0) throw new Error(`Cannot hold "${policy}": it has counted nothing`);
  await client.eval(HOLD, { keys, arguments: [String(ms)] });
}

/** What a throttle says: the admitted try, or the seconds to wait. */
export async function ask(throttle: Throttle, attempt: Attempt): Promise<Admitted | number> {
  try {
    return await throttle.admit(attempt);
  } catch (error) {
    if (!(error instanceof AppError) || error.kind.code !== "too_many_attempts") throw error;
    return Number(error.extras.headers?.["retry-after"]);
  }
}

let count = 0;
export function unique(name: string): string {
  return `${name}${(count += 1)}`;
}

/** In a scope of its own unless one is given, so that tests do not meet. */
export function attempt(account: string, caller: string, scope = unique("scope")): Attempt {
  return {
    scope,
    checks: [
      { policy: PAIR, subject: `${caller} ${account}` },
      { policy: ACCOUNT, subject: account },
      { policy: ADDRESS, subject: caller },
    ],
    known: { account, caller },
  };
}

export async function succeed(throttle: Throttle, tried: Attempt): Promise<void> {
  const answer = await ask(throttle, tried);
  if (typeof answer === "number") throw new Error(`Cannot succeed: wait ${answer} s`);
  await answer.succeed();
}

/** Tries until it has to wait. @returns how often it was admitted. */
export async function exhaust(throttle: Throttle, tried: Attempt): Promise<number> {
  for (let admitted = 0; ; admitted += 1)
    if (typeof (await ask(throttle, tried)) === "number") return admitted;
}

/** The seconds to wait for one who has to. */
export async function waitOf(throttle: Throttle, tried: Attempt): Promise<number> {
  const answer = await ask(throttle, tried);
  if (typeof answer !== "number") throw new Error("Cannot wait: the try was admitted");
  return answer;
}
