import { afterAll, beforeAll, expect, test } from "bun:test";

import type { Session } from "../../../src/features/auth/schema.ts";
import {
  burySession,
  outdateCopies,
  readCopy,
  TOMBSTONE,
  writeCopy,
} from "../../../src/features/auth/service/session_copies.ts";
import { createKeys } from "../../../src/platform/keys.ts";
import type { Platform } from "../../../src/platform/platform.ts";
import { openRedis, type Redis } from "../../../src/platform/redis.ts";
import { silentLog } from "../../support/database.ts";
import { until } from "../../support/poll.ts";
import { openTestRedisServer, type TestRedisServer } from "../../support/redis_server.ts";

const LONGEST_COPY_MS = 300_000;
const SESSION_MS = 86_400_000;

let server: TestRedisServer;
let redis: Redis;
let platform: Platform;
let clock = Date.now();

beforeAll(async () => {
  server = await openTestRedisServer();
  redis = await openRedis({ url: server.url, log: silentLog, name: "copies" });
  const now = () => new Date(clock);
  platform = { redis, keys: createKeys("test"), now, log: silentLog } as Platform;
});
afterAll(async () => {
  await redis.close();
  await server[Symbol.asyncDispose]();
});

function newSession(): Session {
  return {
    userId: Bun.randomUUIDv7(),
    sessionId: Bun.randomUUIDv7(),
    email: "lan@example.com",
    emailVerified: true,
    displayName: "Lan",
    role: "user",
    tier: "free",
    locale: "vi",
    createdAt: "2026-11-23T02:15:00.000Z",
    endsAt: clock + SESSION_MS,
  } as Session;
}

async function roleOf(session: Session): Promise<string | undefined> {
  const copy = await readCopy(platform, session);
  return copy === TOMBSTONE ? TOMBSTONE : copy?.role;
}

function outdate({ userId, sessionId }: Session, version: number): Promise<void> {
  return outdateCopies(platform, { userId, sessionIds: [sessionId], version });
}

test("a copy is read as it was written, and holds nothing of its own bookkeeping", async () => {
  const session = newSession();
  await writeCopy(platform, session, 1);
  expect(await readCopy(platform, session)).toEqual(session);
  const life = await redis.client.pTTL(platform.keys.session(session.userId, session.sessionId));
  expect(life).toBeGreaterThan(0);
  expect(life).toBeLessThanOrEqual(LONGEST_COPY_MS);
});

test("a slow reader cannot bring back what has changed since it read", async () => {
  const session = newSession();
  await writeCopy(platform, session, 1);
  await outdate(session, 2);
  expect(await roleOf(session)).toBeUndefined();
  await writeCopy(platform, session, 1);
  expect(await roleOf(session)).toBeUndefined();
  await writeCopy(platform, { ...session, role: "admin" }, 2);
  expect(await roleOf(session)).toBe("admin");
  await writeCopy(platform, session, 1);
  expect(await roleOf(session)).toBe("admin");
});

test("a slow reader is kept out where there was no copy at all", async () => {
  const session = newSession();
  await outdate(session, 2);
  await writeCopy(platform, session, 1);
  expect(await roleOf(session)).toBeUndefined();
});

test("changes that arrive in another order leave the last one standing", async () => {
  const session = newSession();
  await writeCopy(platform, { ...session, role: "admin" }, 3);
  await outdate(session, 2);
  expect(await roleOf(session)).toBe("admin");
});

test("nothing takes the place of a tombstone, however new its version is", async () => {
  const session = newSession();
  await writeCopy(platform, session, 1);
  await burySession(platform, session);
  await writeCopy(platform, session, 9);
  await outdate(session, 9);
  expect(await roleOf(session)).toBe(TOMBSTONE);
});

test.each([
  "",
  "null",
  "[]",
  "{",
  '"text"',
  '{"email":1}',
  '{"version":"x"}',
  '{"session":7}',
  "7",
])(
  "what no instance of ours has written, %j, is not believed and does not stay",
  async (foreign) => {
    const session = newSession();
    await redis.client.set(platform.keys.session(session.userId, session.sessionId), foreign);
    expect(await readCopy(platform, session)).toBeUndefined();
    await writeCopy(platform, session, 1);
    expect(await readCopy(platform, session)).toEqual(session);
  },
);

test("a copy is not believed beyond the end of its session", async () => {
  const session = { ...newSession(), endsAt: clock + 1 };
  await writeCopy(platform, session, 1);
  expect(await roleOf(session)).toBe("user");
  clock += 1;
  expect(await roleOf(session)).toBeUndefined();
});

test("after Redis was away, what was written before is read again from its source", async () => {
  const session = newSession();
  await writeCopy(platform, session, 1);
  await server.stop();
  await until("the loss to be noticed", () => !redis.isReady());
  expect(await roleOf(session)).toBeUndefined();
  clock += 1;
  await server.start();
  await until("redis to be back", () => redis.isReady());
  const key = platform.keys.session(session.userId, session.sessionId);
  // Whether or not Redis kept it over its restart, an old copy is there now.
  await redis.client.set(key, JSON.stringify({ session, version: 1, writtenAt: clock - 1 }));
  expect(await roleOf(session)).toBeUndefined();
  await writeCopy(platform, session, 1);
  expect(await roleOf(session)).toBe("user");
});
