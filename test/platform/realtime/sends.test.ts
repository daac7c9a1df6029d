import { afterAll, beforeAll, expect, test } from "bun:test";

import { AppError } from "../../../src/platform/errors.ts";
import { createKeys } from "../../../src/platform/keys.ts";
import type { Rate } from "../../../src/platform/realtime/limits.ts";
import {
  assertMaySend,
  createSendLimiter,
  sendWithin,
} from "../../../src/platform/realtime/sends.ts";
import { openRedis, type Redis } from "../../../src/platform/redis.ts";
import { silentLog } from "../../support/database.ts";
import { openTestRedisServer, type TestRedisServer } from "../../support/redis_server.ts";

/** So slow that nothing comes back while a test runs. */
const RATE: Rate = { count: 1, perMs: 60_000, burst: 10 };

let server: TestRedisServer;
let redis: Redis;
const keys = createKeys("t");

beforeAll(async () => {
  server = await openTestRedisServer();
  redis = await openRedis({ url: server.url, log: silentLog, name: "commands" });
});
afterAll(async () => {
  await redis.close();
  await server[Symbol.asyncDispose]();
});

function openLimiter(rate = RATE) {
  return createSendLimiter({
    redis,
    key: (userId) => keys.sends(userId),
    rate,
    now: () => new Date(),
  });
}

test("all instances count together, and a batch is admitted as far as there is room", async () => {
  const [one, other] = [openLimiter(), openLimiter()];
  const userId = Bun.randomUUIDv7();
  expect(await one.take(userId, 7)).toEqual({ admitted: 7, waitMs: 0 });
  const second = await other.take(userId, 7);
  expect(second.admitted).toBe(3);
  expect(second.waitMs).toBeGreaterThan(55_000);
  expect(second.waitMs).toBeLessThanOrEqual(60_000);
  expect((await one.take(userId, 1)).admitted).toBe(0);
  expect((await one.take(Bun.randomUUIDv7(), 1)).admitted).toBe(1);
});

test("many at once get no more than one after the other", async () => {
  const limiter = openLimiter();
  const userId = Bun.randomUUIDv7();
  const taken = await Promise.all(Array.from({ length: 30 }, () => limiter.take(userId, 1)));
  expect(taken.filter(({ admitted }) => admitted === 1)).toHaveLength(10);
});

test("room comes back with time, by the clock of Redis alone, and what is kept expires", async () => {
  const rate = { count: 100, perMs: 1_000, burst: 2 };
  const now = () => new Date(0);
  const limiter = createSendLimiter({ redis, key: (userId) => keys.sends(userId), rate, now });
  const userId = Bun.randomUUIDv7();
  const { waitMs } = await limiter.take(userId, 3);
  expect(waitMs).toBeGreaterThan(0);
  expect(waitMs).toBeLessThanOrEqual(10);
  const life = await redis.client.pTTL(keys.sends(userId));
  expect(life).toBeLessThanOrEqual(20);
  let admitted = 0;
  const deadline = performance.now() + 5_000;
  while (admitted < 20 && performance.now() < deadline)
    admitted += (await limiter.take(userId, 1)).admitted;
  expect(admitted).toBe(20);
});

test("who sends much is counted ahead, without getting more, and waits for Redis only now and then", async () => {
  let questions = 0;
  const counting = {
    run: (...call: Parameters<Redis["run"]>) => ((questions += 1), redis.run(...call)),
  };
  const open = () =>
    createSendLimiter({
      redis: counting as Pick<Redis, "run">,
      key: (userId) => keys.sends(userId),
      rate: { ...RATE, burst: 400 },
      now: () => new Date(),
    });
  const [one, other] = [open(), open()];
  const userId = Bun.randomUUIDv7();
  for (let sent = 0; sent < 100; sent += 1)
    expect(await one.take(userId, 1)).toEqual({ admitted: 1, waitMs: 0 });
  expect(questions).toBeLessThan(60);
  // On the other instance there is what is left, and a few that the first one has counted ahead are missing.
  const rest = await other.take(userId, 400);
  expect(rest.admitted).toBeLessThanOrEqual(300);
  expect(rest.admitted).toBeGreaterThanOrEqual(290);
  const last = (await one.take(userId, 10)).admitted;
  expect(100 + rest.admitted + last).toBe(400);
});

test("whoever sends seldom is counted as often as they send", async () => {
  const limiter = openLimiter();
  const userId = Bun.randomUUIDv7();
  await limiter.take(userId, 2);
  expect((await openLimiter().take(userId, 10)).admitted).toBe(8);
});

test("frames beyond the room are refused one by one, with their numbers and the wait", async () => {
  const limiter = openLimiter();
  const userId = Bun.randomUUIDv7();
  const frames = Array.from({ length: 12 }, (_, i) => ({ t: "send", i }));
  const handled: number[] = [];
  const replies = await sendWithin(limiter, { userId, frames }, async (list) => {
    handled.push(...list.map(({ i }) => i));
    return list.map(({ i }) => ({ t: "ack", i }));
  });
  expect(handled).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(replies.slice(0, 10)).toEqual(handled.map((i) => ({ t: "ack", i })));
  const refusal = { t: "err", c: 4290, m: "rate_limited", retry: true, after: expect.any(Number) };
  expect(replies.slice(10)).toEqual([
    { ...refusal, i: 10 },
    { ...refusal, i: 11 },
  ]);
  const untouched = async () => Promise.reject(new Error("not to be called"));
  const [none] = await sendWithin(limiter, { userId, frames: frames.slice(0, 1) }, untouched);
  expect(none).toMatchObject({ ...refusal, i: 0 });
  const error = await assertMaySend(limiter, userId).catch((thrown: unknown) => thrown);
  expect((error as AppError).kind.code).toBe("rate_limited");
});

test("while Redis is away each instance goes on with its own counts, and hands out no new burst to who has used it up", async () => {
  const limiter = openLimiter();
  const [spent, fresh] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  await limiter.take(spent, 10);
  await limiter.take(fresh, 4);
  await server.stop();
  expect((await limiter.take(spent, 1)).admitted).toBe(0);
  expect((await limiter.take(fresh, 10)).admitted).toBe(6);
  await server.start();
  const back = Promise.withResolvers<void>();
  redis.onReady(() => back.resolve());
  if (!redis.isReady()) await back.promise;
  expect((await limiter.take(Bun.randomUUIDv7(), 1)).admitted).toBe(1);
}, 30_000);
