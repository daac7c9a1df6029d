import { AppError } from "../errors.ts";
import type { Redis } from "../redis.ts";
import { createScript } from "../redis_script.ts";
import { createCredit } from "./credit.ts";
import { errorFrame } from "./frames.ts";
import type { Rate } from "./limits.ts";
import { createRates, type Taken, tooFast } from "./rate.ts";

/** How often a user may send, over all sockets, instances and HTTP together. */
export interface SendLimiter {
  /** Takes as many of the wanted sends as there is room for, with one question to Redis however many they are. */
  take(userId: string, wanted: number): Promise<Taken>;
}

export interface SendLimiterOptions {
  redis: Pick<Redis, "run">;
  /** Where in Redis a user's count stands. */
  key: (userId: string) => string;
  rate: Rate;
  now: () => Date;
}

/** Some 10 MB. */
const MAX_USERS = 50_000;

/** What Redis has counted: what was wanted, and what it counts ahead where there is room for it. */
type Counted = Taken & { ahead: number };

/**
 * Counts in Redis, and ahead for those who are busy, as long as half of their burst is left. Each instance also keeps the
 * counts of its own sends, and goes on with those while Redis is away: a message matters more than its limit, and an
 * outage hands out at most one more burst for each instance.
 */
export function createSendLimiter({ redis, key, rate, now }: SendLimiterOptions): SendLimiter {
  const own = createRates({ rate, now: () => now().getTime(), maxSubjects: MAX_USERS });
  const credit = createCredit({ now: () => performance.now(), maxSubjects: MAX_USERS });
  const refilling = new Set<string>();

  async function count(userId: string, wanted: number, ahead: number): Promise<Taken | undefined> {
    const counted = await countShared(userId, wanted, ahead);
    if (!counted) return undefined;
    own.take(userId, counted.admitted + counted.ahead, { admit: true });
    credit.add(userId, counted.ahead);
    return counted;
  }
  async function countShared(
    userId: string,
    wanted: number,
    aheadWanted: number,
  ): Promise<Counted | undefined> {
    const intervalMs = rate.perMs / rate.count;
    try {
      const answer = await redis.run("count sends", (client) =>
        takeSends(client, {
          keys: [key(userId)],
          arguments: [intervalMs, rate.burst * intervalMs, wanted, aheadWanted].map(String),
        }),
      );
      const [admitted, waitMs, ahead] = Array.isArray(answer) ? answer.map(Number) : [];
      if (admitted === undefined || waitMs === undefined || ahead === undefined)
        throw new Error("Cannot count sends: Redis answers no three numbers");
      return { admitted, waitMs, ahead };
    } catch (error) {
      if (error instanceof AppError || OUT_OF_SPACE.test(String(error))) return undefined;
      throw error;
    }
  }
  /** Counts on while what was counted ahead is being used, so that nobody waits for it. */
  async function refill(userId: string, ahead: number): Promise<void> {
    if (ahead === 0 || refilling.has(userId)) return;
    refilling.add(userId);
    try {
      await count(userId, 0, ahead);
    } catch {
      // The next one who wants something asks again, and hears of it.
    } finally {
      refilling.delete(userId);
    }
  }
  return {
    take: async (userId, wanted) => {
      const covered = credit.take(userId, wanted);
      const ahead = credit.ahead(userId, wanted);
      if (covered === wanted) {
        if (ahead > wanted) void refill(userId, ahead);
        return { admitted: wanted, waitMs: 0 };
      }
      const rest = wanted - covered;
      const counted = (await count(userId, rest, ahead)) ?? own.take(userId, rest);
      // Meanwhile somebody else may have counted ahead what is refused here.
      const late = credit.take(userId, rest - counted.admitted);
      const admitted = covered + counted.admitted + late;
      return { admitted, waitMs: admitted === wanted ? 0 : counted.waitMs };
    },
  };
}

/** @throws AppError rate_limited, for a door that has one message. */
export async function assertMaySend(limiter: SendLimiter, userId: string): Promise<void> {
  const { admitted, waitMs } = await limiter.take(userId, 1);
  if (admitted < 1) throw tooFast(waitMs);
}

/** Handles as many of the frames as their user may send now, and refuses the rest. */
export async function sendWithin<F extends object>(
  limiter: SendLimiter,
  { userId, frames }: { userId: string; frames: F[] },
  handle: (frames: F[]) => Promise<(object | undefined)[]>,
): Promise<(object | undefined)[]> {
  const { admitted, waitMs } = await limiter.take(userId, frames.length);
  const replies = admitted === 0 ? [] : await handle(frames.slice(0, admitted));
  const refused = frames.slice(admitted).map((frame) => errorFrame(tooFast(waitMs), frame));
  return [...replies, ...refused];
}

const OUT_OF_SPACE = /\b(?:OOM|MISCONF)\b/;

/**
 * [ms between two, ms of a whole burst, how many, how many ahead] → [how many are admitted, ms to wait for one more, how
 * many are counted ahead]. Ahead is counted only what leaves half of the burst. What is kept is the time at which the
 * burst is whole again, as `takeFrom` has it, by the clock of Redis, because those of instances differ.
 */
const takeSends = createScript(`
local interval, room, wanted, ahead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local from = math.min(math.max(tonumber(redis.call('GET', KEYS[1])) or 0, now), now + room)
local admitted = math.max(0, math.min(wanted, math.floor((now + room - from) / interval + 1e-3)))
if admitted < wanted then ahead = 0 end
local spare = math.floor((now + room / 2 - from) / interval) - admitted
ahead = math.max(0, math.min(ahead, spare))
local till = from + (admitted + ahead) * interval
if admitted + ahead > 0 then
  redis.call('SET', KEYS[1], string.format('%.3f', till), 'PX', math.max(1, math.ceil(till - now)))
end
if admitted == wanted then return { admitted, 0, ahead } end
return { admitted, math.max(1, math.ceil(till + interval - room - now)), 0 }`);
