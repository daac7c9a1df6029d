import { AppError, type ErrorKind, TooManyAttempts } from "./errors.ts";
import type { Keys } from "./keys.ts";
import type { Redis } from "./redis.ts";
import { type Change, type Counted, createMemoryThrottle } from "./throttle_memory.ts";
import { highestLevel, scalePolicy, type ThrottlePolicy } from "./throttle_policy.ts";
import { THROTTLE_SCRIPTS } from "./throttle_script.ts";

/** A try of something that may only fail so often. */
export interface Attempt {
  /** What is tried; its counts stand on one node of a Redis Cluster, so that one script sees all of them. */
  scope: string;
  /** Every one of them has to admit the try. A subject may be any text; only its digest is kept. */
  checks: { policy: ThrottlePolicy; subject: string }[];
  /** A caller who has succeeded with this account within 30 days is known to it. */
  known?: { account: string; caller: string };
}

/** An admitted try. It counts as failed until one of these is called, so that many at once get no further than one by one. */
export interface Admitted {
  /** Takes the failure back, and makes the caller known. */
  succeed(): Promise<void>;
  /** Takes the failure back: whatever went wrong was not the caller's fault. */
  cancel(): Promise<void>;
}

export interface Throttle {
  /** @throws AppError too_many_attempts, with the seconds after which a try is admitted. */
  admit(attempt: Attempt): Promise<Admitted>;
}

/** Some 10 MB, and only while Redis is away does any of it matter. */
const MAX_MEMORY_ENTRIES = 50_000;
const DIGEST_LENGTH = 22;

/**
 * Counts failures in Redis, for all instances together. Each instance also keeps the counts of its own tries, and goes
 * on with those while Redis is away: an outage hands out no new allowance to somebody who has used up this one's.
 */
export function createThrottle(options: {
  redis: Pick<Redis, "run">;
  keys: Keys;
  scale: number;
  now: () => Date;
  /** Whether a try fails while Redis is away, for work that is tried again by itself and so need not be let through. */
  isSharedOnly?: boolean;
}): Throttle {
  const { redis, keys, scale, now, isSharedOnly = false } = options;
  const memory = createMemoryThrottle({ now, maxEntries: MAX_MEMORY_ENTRIES });

  function countedOf({ scope, checks, known }: Attempt): Counted {
    const key = (name: string, subject: string) => keys.throttle(scope, name, digest(subject));
    return {
      counts: checks.map(({ policy, subject }) => ({
        key: key(policy.name, subject),
        policy: scalePolicy(policy, scale),
      })),
      knownKey: key("known", known?.account ?? ""),
      caller: known && digest(known.caller),
    };
  }
  return {
    admit: async (attempt) => {
      const counted = countedOf(attempt);
      const answer = takeShared(redis, counted);
      const shared = await (isSharedOnly ? answer : whileThere(answer));
      if (shared && "waitMs" in shared) throw tooMany(shared.waitMs);
      const own = memory.take(counted, { admit: shared !== undefined });
      if ("waitMs" in own) throw tooMany(own.waitMs);
      const settle = async (hasSucceeded: boolean) => {
        memory.settle(counted, own.changes, hasSucceeded);
        if (shared) await settleShared(redis, counted, { changes: shared.changes, hasSucceeded });
      };
      return { succeed: () => settle(true), cancel: () => settle(false) };
    },
  };
}

/** Forgets what is counted of some subjects, and who is known to them. @throws AppError while Redis is away. */
export async function forgetSubjects(
  { redis, keys }: { redis: Pick<Redis, "run">; keys: Keys },
  subjects: { scope: string; name: string; subject: string }[],
): Promise<void> {
  await redis.run("forget counts", async (client) => {
    // One by one, because in a Redis Cluster they may stand on different nodes.
    for (const { scope, name, subject } of subjects)
      await client.del(keys.throttle(scope, name, digest(subject)));
  });
}

/** A try, and what of it counts against the caller. */
export interface CountedAttempt extends Attempt {
  /** Failures of these kinds count; any other, such as that of a busy server, is taken back. */
  counted: readonly ErrorKind[];
  /** Whether a success counts too, where it is the tries that are to be few. */
  isSuccessCounted?: boolean;
}

/** @throws AppError too_many_attempts before any work is done; else what the work throws. */
export async function workWithin<T>(
  throttle: Throttle,
  { counted, isSuccessCounted = false, ...attempt }: CountedAttempt,
  work: () => Promise<T>,
): Promise<T> {
  const admitted = await throttle.admit(attempt);
  const result = await work().catch(async (error: unknown) => {
    if (!(error instanceof AppError && counted.includes(error.kind))) await admitted.cancel();
    throw error;
  });
  if (!isSuccessCounted) await admitted.succeed();
  return result;
}

function digest(subject: string): string {
  return new Bun.CryptoHasher("sha256").update(subject).digest("base64url").slice(0, DIGEST_LENGTH);
}

function tooMany(waitMs: number): AppError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return new AppError(TooManyAttempts, "Cannot try again yet", {
    headers: { "retry-after": String(seconds) },
  });
}

function keysOf({ counts, knownKey }: Counted): string[] {
  return [...counts.map(({ key }) => key), knownKey];
}

type Connection = Pick<Redis, "run">;

/** What Redis says. @throws AppError while it is away. */
async function takeShared(
  redis: Connection,
  counted: Counted,
): Promise<{ waitMs: number } | { changes: Change[] }> {
  const policies = counted.counts.flatMap(({ policy }) => [
    policy.freeFailures,
    policy.firstWaitMs,
    policy.longestWaitMs,
    highestLevel(policy),
    policy.isWaivedForKnown ? 1 : 0,
  ]);
  const answer = await redis.run("count an attempt", (client) =>
    THROTTLE_SCRIPTS.take(client, {
      keys: keysOf(counted),
      arguments: [counted.caller ?? "", ...policies.map(String)],
    }),
  );
  if (!Array.isArray(answer)) throw new Error("Cannot count an attempt: Redis answers no list");
  const [isAdmitted, ...values] = answer.map(Number);
  if (isAdmitted !== 1) return { waitMs: values[0] ?? 0 };
  return {
    changes: counted.counts.map((_, index) => {
      const [added = 0, until = 0, before = 0] = values.slice(index * 3);
      return { added, until, before };
    }),
  };
}

/** Does nothing while Redis is away: then the failure stays counted until it is forgiven with time. */
async function settleShared(
  redis: Connection,
  counted: Counted,
  { changes, hasSucceeded }: { changes: Change[]; hasSucceeded: boolean },
): Promise<void> {
  const fields = counted.counts.flatMap(({ policy }, index) => {
    const { added = 0, until = 0, before = 0 } = changes[index] ?? {};
    const isReset = hasSucceeded && policy.isResetBySuccess;
    return [policy.freeFailures, policy.longestWaitMs, isReset ? 1 : 0, added, until, before];
  });
  const caller = hasSucceeded ? (counted.caller ?? "") : "";
  await whileThere(
    redis.run("settle an attempt", (client) =>
      THROTTLE_SCRIPTS.settle(client, {
        keys: keysOf(counted),
        arguments: [caller, ...fields.map(String)],
      }),
    ),
  );
}

const OUT_OF_SPACE = /\b(?:OOM|MISCONF)\b/;

/** Undefined where Redis is away or takes no writes; every other failure is a bug of ours, and nobody is let in by it. */
async function whileThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof AppError || OUT_OF_SPACE.test(String(error))) return undefined;
    throw error;
  }
}
