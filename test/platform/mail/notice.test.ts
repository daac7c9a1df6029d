import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";

import { AppError, DependencyUnavailable } from "../../../src/platform/errors.ts";
import { createKeys } from "../../../src/platform/keys.ts";
import { type Notice, type NoticeKind, sendNotice } from "../../../src/platform/mail/notice.ts";
import { openRedis } from "../../../src/platform/redis.ts";
import { createThrottle } from "../../../src/platform/throttle.ts";
import { silentLog } from "../../support/database.ts";
import { until } from "../../support/poll.ts";
import { openTestRedisServer, type TestRedisServer } from "../../support/redis_server.ts";
import { age } from "../../support/throttle.ts";

setDefaultTimeout(30_000);

const PREFIX = "notices";
const HOUR_MS = 3_600_000;

let server: TestRedisServer;
beforeAll(async () => {
  server = await openTestRedisServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** What a worker sends with, and the ids of what has gone out. `mailerFails` is for mailers that are away. */
async function open() {
  const log = { ...silentLog, warn: () => undefined };
  const redis = await openRedis({ url: server.url, log, name: "notices" });
  const sent: string[] = [];
  const state = { mailerFails: false };
  const throttle = createThrottle({
    redis,
    keys: createKeys(PREFIX),
    scale: 1,
    now: () => new Date(),
    isSharedOnly: true,
  });
  const mailer = {
    send: async ({ id }: { id: string }) => {
      if (state.mailerFails) throw new Error("the mailer is away");
      sent.push(id);
    },
  };
  return { redis, sent, state, platform: { throttle, log, mailer } };
}

function notice(id: string, userId: string, kind: NoticeKind = "password"): Notice {
  const to = { name: "Lan", address: "lan@example.com", locale: "vi" } as const;
  const letter = { subject: "Told", greeting: "Lan,", paragraphs: [], reason: "Safety." };
  return { id, userId, kind, isProven: true, to, letter };
}

const { signal } = new AbortController();

test("each kind of each user has three at first, then one after each wait", async () => {
  const { redis, sent, platform } = await open();
  const user = Bun.randomUUIDv7();
  for (let turn = 0; turn < 5; turn += 1)
    await sendNotice(platform, notice(`a${turn}`, user), signal);
  expect(sent).toEqual(["a0", "a1", "a2"]);
  await sendNotice(platform, notice("other kind", user, "reuse"), signal);
  await sendNotice(platform, notice("other user", Bun.randomUUIDv7()), signal);
  await age(redis.client, PREFIX, HOUR_MS / 4);
  for (const id of ["later", "at once"]) await sendNotice(platform, notice(id, user), signal);
  expect(sent.slice(3)).toEqual(["other kind", "other user", "later"]);
  await redis.close();
});

test("what is not proven gets nothing, and is not counted", async () => {
  const { redis, sent, platform } = await open();
  const user = Bun.randomUUIDv7();
  for (let turn = 0; turn < 5; turn += 1)
    await sendNotice(platform, { ...notice(`b${turn}`, user), isProven: false }, signal);
  expect(sent).toEqual([]);
  await sendNotice(platform, notice("proven", user), signal);
  expect(sent).toEqual(["proven"]);
  await redis.close();
});

test("a notice that the mailer did not take is not counted, so that its next attempt goes out", async () => {
  const { redis, sent, state, platform } = await open();
  const user = Bun.randomUUIDv7();
  state.mailerFails = true;
  for (let turn = 0; turn < 5; turn += 1) {
    const outcome = sendNotice(platform, notice("late", user), signal);
    expect(await outcome.catch((error: Error) => error.message)).toBe("the mailer is away");
  }
  state.mailerFails = false;
  await sendNotice(platform, notice("late", user), signal);
  expect(sent).toEqual(["late"]);
  await redis.close();
});

test("while Redis is away nothing is sent uncounted: the job finds it away, and comes back", async () => {
  const { redis, sent, platform } = await open();
  const user = Bun.randomUUIDv7();
  await server.stop();
  await until("the loss to be noticed", () => !redis.isReady());
  const error = await sendNotice(platform, notice("kept", user), signal).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(AppError);
  expect((error as AppError).kind).toBe(DependencyUnavailable);
  expect(sent).toEqual([]);
  await server.start();
  await until("Redis", () => redis.isReady());
  await sendNotice(platform, notice("kept", user), signal);
  expect(sent).toEqual(["kept"]);
  await redis.close();
});
