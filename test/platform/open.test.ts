import { afterAll, beforeAll, expect, test } from "bun:test";

import { sql } from "drizzle-orm";

import { authenticateSocket, isSessionAlive, listAliveSessions } from "../../src/app.ts";
import { readConfig } from "../../src/platform/config.ts";
import type { Transaction } from "../../src/platform/database.ts";
import { isConnectionError, uniqueViolation } from "../../src/platform/database_errors.ts";
import { loadSigningKeys } from "../../src/platform/dev_keys.ts";
import { AppError } from "../../src/platform/errors.ts";
import { createLifecycle } from "../../src/platform/lifecycle.ts";
import { type Opened, openPlatform } from "../../src/platform/open.ts";
import { roleNames } from "../../src/platform/roles.ts";
import {
  createChannelSource,
  createFrameHandlers,
  createSocketParts,
  TOPIC_KINDS,
} from "../../src/socket.ts";
import { openTestDatabase, silentLog, type TestDatabase } from "../support/database.ts";
import { testServices } from "../support/services.ts";

let database: TestDatabase;
let opened: Opened;
const lifecycle = createLifecycle(silentLog, 5_000);
const published: string[] = [];

beforeAll(async () => {
  database = await openTestDatabase();
  const { redisUrl } = await testServices();
  opened = await openPlatform({
    config: await readConfig({ REDIS_PREFIX: `t${Bun.randomUUIDv7().slice(-12)}` }),
    log: silentLog,
    now: () => new Date(),
    databaseUrl: database.url,
    redisUrl: new URL(redisUrl),
    lifecycle,
    publish: (channel) => void published.push(channel),
    features: {
      source: createChannelSource,
      handlers: createFrameHandlers,
      topics: TOPIC_KINDS,
      parts: createSocketParts,
      authenticate: authenticateSocket,
      isAlive: isSessionAlive,
      listAlive: listAliveSessions,
    },
  });
});
afterAll(async () => {
  await lifecycle.stop();
  await database[Symbol.asyncDispose]();
});

const userId = Bun.randomUUIDv7();
const asUser = { role: "app", userId } as const;

async function one<T>(tx: Transaction, query: ReturnType<typeof sql>): Promise<T | undefined> {
  const [row] = await tx.execute<{ value: T }>(query);
  return row?.value;
}

test("a transaction runs under its actor's role and claims, and leaves neither behind", async () => {
  const { db } = opened.platform;
  const seen = await db.run(asUser, async (tx) => [
    await one<string>(tx, sql`select current_user as value`),
    await one<string>(tx, sql`select app.user_id() as value`),
  ]);
  expect(seen).toEqual([roleNames("frm").app, userId]);
  const after = await db.run({ role: "public" }, (tx) =>
    one<string | null>(tx, sql`select app.user_id() as value`),
  );
  expect(after).toBeNull();
});

test("what a transaction that throws has written is not there", async () => {
  const { db } = opened.platform;
  const id = Bun.randomUUIDv7();
  const attempt = db.run({ role: "auth" }, async (tx) => {
    await tx.execute(sql`insert into app.users values (${id}, 'x', now())`);
    throw new RangeError("no");
  });
  expect(await attempt.catch((error: unknown) => error)).toBeInstanceOf(RangeError);
  expect(await database.sql`select 1 from app.users where id = ${id}`).toHaveLength(0);
});

test("a violated constraint is told by its name, and the connection is good afterwards", async () => {
  const { db } = opened.platform;
  const insert = () =>
    db.run({ role: "auth" }, (tx) =>
      tx.execute(sql`insert into app.users values (${userId}, 'x', now())`),
    );
  await insert();
  const error = await insert().catch((thrown: unknown) => thrown);
  expect([uniqueViolation(error), isConnectionError(error)]).toEqual(["users_pkey", false]);
  expect(await db.run(asUser, (tx) => one<number>(tx, sql`select 1 as value`))).toBe(1);
});

test("a lost connection ends its transaction: nothing later of it runs, and the next one works", async () => {
  const { db } = opened.platform;
  const id = Bun.randomUUIDv7();
  let later: unknown;
  const attempt = db.run({ role: "auth" }, async (tx) => {
    const pid = await one<number>(tx, sql`select pg_backend_pid() as value`);
    await database.sql`select pg_terminate_backend(${pid ?? 0}, 2000)`;
    later = await tx
      .execute(sql`insert into app.users values (${id}, 'x', now())`)
      .catch((error: unknown) => error);
    await tx.execute(sql`insert into app.users values (${id}, 'x', now())`);
  });
  const error = await attempt.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AppError);
  expect((error as AppError).kind.code).toBe("dependency_unavailable");
  expect(later).toBeInstanceOf(Error);
  const rounds = Array.from({ length: 20 }, () =>
    db.run({ role: "public" }, (tx) => one<string>(tx, sql`select current_user as value`)),
  );
  expect(new Set(await Promise.all(rounds))).toEqual(new Set([roleNames("frm").public]));
  expect(await database.sql`select 1 from app.users where id = ${id}`).toHaveLength(0);
});

test("all instances on one database use the same development keys", async () => {
  const [first, second] = [
    await loadSigningKeys(opened.platform.db),
    await loadSigningKeys(opened.platform.db),
  ];
  expect(first).toEqual(second);
});

test("readiness is unhealthy until the instance accepts, then asks both services", async () => {
  expect((await opened.readiness.check()).status).toBe("unhealthy");
  opened.readiness.begin();
  expect(await opened.readiness.check()).toEqual({
    status: "healthy",
    checks: { database: true, redis: true, accepting: true },
  });
});

test("a row that another instance left is relayed and deleted", async () => {
  const { outbox } = opened.platform;
  const stop = new AbortController();
  await database.sql`
    insert into app.bus_outbox (id, channel, payload, created_at)
    values (${Bun.randomUUIDv7()}, ${`u:${userId}`}, '{"op":"join","channel":"c:x"}', now() - interval '5 seconds')`;
  const relaying = outbox.relay(stop.signal);
  const deadline = performance.now() + 5_000;
  let left = 1;
  while (left > 0 && performance.now() < deadline) {
    const [row] = await database.sql<
      { n: number }[]
    >`select count(*)::int as n from app.bus_outbox`;
    left = row?.n ?? 0;
  }
  stop.abort();
  await relaying;
  expect(left).toBe(0);
});
