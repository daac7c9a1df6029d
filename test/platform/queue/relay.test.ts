import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";

import { Type } from "@sinclair/typebox";

import { type Database, openDatabase } from "../../../src/platform/database.ts";
import { defineJob } from "../../../src/platform/queue/definition.ts";
import { enqueue } from "../../../src/platform/queue/enqueue.ts";
import { createJobRelay, type JobRelay } from "../../../src/platform/queue/relay.ts";
import type { JobStore } from "../../../src/platform/queue/store.ts";
import { openTestDatabase, silentLog, type TestDatabase } from "../../support/database.ts";
import { openTestQueue, type TestQueue } from "../../support/jobs.ts";
import { until } from "../../support/poll.ts";
import { openTestRedisServer } from "../../support/redis_server.ts";

setDefaultTimeout(30_000);

const kind = defineJob("test.kind", { payload: Type.Object({ text: Type.String() }) });
const user = { role: "app", userId: Bun.randomUUIDv7() } as const;
const log = { ...silentLog, warn: () => undefined };
const MAX_BATCH_BYTES = 1_048_576;

let database: TestDatabase;
let db: Database;
let queue: TestQueue;
let stopping = new AbortController();
let running: Promise<void>[] = [];

beforeAll(async () => {
  database = await openTestDatabase();
  db = await openDatabase({ url: database.url, rolePrefix: "frm", poolSize: 6 });
});
beforeEach(async () => {
  queue = await openTestQueue();
  await database.sql`truncate app.job_outbox, app.job_outbox_head`;
});
afterEach(async () => {
  await stopRelays();
  await queue[Symbol.asyncDispose]();
});
afterAll(async () => {
  await db.close();
  await database[Symbol.asyncDispose]();
});

function startRelay(fields: Partial<JobStore> = {}, at = queue): JobRelay {
  const storeOf = () => ({ ...at.store, ...fields });
  const relay = createJobRelay({ db, storeOf, isReady: () => at.redis.isReady(), log });
  running.push(relay.run(stopping.signal));
  return relay;
}

async function stopRelays(): Promise<void> {
  stopping.abort();
  await Promise.all(running);
  stopping = new AbortController();
  running = [];
}

/** Commits `count` jobs in one transaction. */
function ask(count: number, text = ""): Promise<string[]> {
  return db.run(user, async (tx) => {
    const ids: string[] = [];
    for (let at = 0; at < count; at += 1) ids.push(await enqueue(tx, kind, { text }));
    return ids;
  });
}

async function rows(): Promise<string[]> {
  const found = await database.sql<{ id: string }[]>`select id from app.job_outbox order by id`;
  return found.map(({ id }) => id);
}

/** Waits until so many tickets are in line. */
async function untilInLine(count: number, at = queue): Promise<void> {
  await until("jobs in line", async () => (await at.line()).tickets === count);
}

/** Until the relays have looked once more, so that what they would do wrong is done. */
async function untilCurrent(at = queue): Promise<void> {
  await until("the relays", async () => {
    const [head] = await database.sql<{ at: number }[]>`
      select last_batch::int as at from app.job_outbox_head`;
    const waiting = await database.sql`select 1 from app.job_outbox where batch is null limit 1`;
    return waiting.length === 0 && (await at.store.cursor()) === head?.at;
  });
}

test("what was rolled back never runs, and what was committed is handed on with its payload", async () => {
  const relay = startRelay();
  let undone = "";
  const aborted = db.run(user, async (tx) => {
    undone = await enqueue(tx, kind, { text: "never" });
    throw new Error("changed my mind");
  });
  expect(await aborted.catch(() => "failed")).toBe("failed");
  const [id = ""] = await ask(1, `ü"\\n`);
  relay.wake();
  await untilInLine(1);
  const job = await queue.begin("a");
  expect(job).toMatchObject({ id, kind: "test.kind", version: 1, attempt: 1, maxAttempts: 3 });
  expect(job.payload).toEqual({ text: `ü"\\n` });
  await untilCurrent();
  expect(await queue.hash(undone)).toEqual({});
});

test("what is committed while three relays run is in line once", async () => {
  const relays = [startRelay(), startRelay(), startRelay({ ...queue.other })];
  const asked = await Promise.all(
    Array.from({ length: 30 }, async (_none, index) => {
      const ids = await ask(1 + (index % 7));
      relays[index % 3]?.wake();
      return ids;
    }),
  );
  const ids = asked.flat();
  await untilInLine(ids.length);
  await untilCurrent();
  const tickets = await queue.take("a", ids.length * 2);
  expect(tickets.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
});

test("a row leaves when its job is settled, also when a relay dies before it can say so", async () => {
  startRelay({ dropSettled: () => Promise.reject(new Error("the relay dies")) });
  const [done = "", dead = "", waiting = ""] = await ask(3);
  await untilInLine(3);
  await queue.store.complete(await queue.begin("a"));
  await queue.store.fail(await queue.begin("a"), { error: "{}", delayMs: undefined });
  await until("the end of a row", async () => (await rows()).length === 2);
  expect(await queue.store.listSettled(10)).toEqual([done]);
  await stopRelays();
  startRelay();
  await until("the end", async () => (await queue.store.listSettled(10)).length === 0);
  // A dead letter may be wanted again, so its row stays.
  expect(await rows()).toEqual([dead, waiting]);
  expect(await queue.line()).toEqual({ tickets: 1, pending: 0, later: 0, dead: [dead] });
});

test("a Redis that has lost everything is filled again, and what was completed stays so", async () => {
  startRelay();
  const ids = [...(await ask(5)), ...(await ask(5))].toSorted();
  await untilInLine(10);
  const done = await queue.begin("a");
  await queue.store.complete(done);
  await until("the end of a row", async () => (await rows()).length === 9);
  await queue.begin("a");
  await queue.store.fail(await queue.begin("a"), { error: "{}", delayMs: 60_000 });
  await queue.wipe();
  await untilInLine(9);
  await untilCurrent();
  const tickets = await queue.take("b", 100);
  expect(tickets.map(({ id }) => id).toSorted()).toEqual(ids.filter((id) => id !== done.id));
  expect(await queue.hash(done.id)).toEqual({});
  // What begun before the loss can no longer be moved on by whoever began it.
  expect(await queue.store.complete(done)).toBe(false);
});

test("a dead letter keeps its row, and is tried anew by a Redis that has lost everything", async () => {
  const relay = startRelay();
  const [id = ""] = await ask(1);
  relay.wake();
  await untilInLine(1);
  const death = { error: "{}", delayMs: undefined };
  expect(await queue.store.fail(await queue.begin("a"), death)).toBe("dead");
  await untilCurrent();
  expect(await queue.line()).toMatchObject({ tickets: 0, dead: [id] });
  await queue.wipe();
  await untilInLine(1);
  expect(await queue.begin("b")).toMatchObject({ id, attempt: 1 });
});

test("a Redis that is back at an older state gets what it has forgotten, and nothing twice", async () => {
  startRelay();
  const old = await ask(4);
  await untilInLine(4);
  await untilCurrent();
  const restore = await dump();
  const recent = await ask(6);
  await untilInLine(10);
  await untilCurrent();
  await restore();
  await untilInLine(10);
  await untilCurrent();
  const tickets = await queue.take("a", 100);
  expect(tickets.map(({ id }) => id).toSorted()).toEqual([...old, ...recent].toSorted());
});

/** Copies the queue as it is now. @returns what puts it back. */
async function dump(): Promise<() => Promise<void>> {
  const { client } = queue.redis;
  const names = await client.keys(`${queue.prefix}:*`);
  const copyOf = (name: string) => name.replace(queue.prefix, `${queue.prefix}copy`);
  for (const name of names) await client.copy(name, copyOf(name));
  return async () => {
    const transaction = client.multi();
    for (const name of await client.keys(`${queue.prefix}:*`)) transaction.del(name);
    for (const name of names) transaction.rename(copyOf(name), name);
    await transaction.exec();
  };
}

test("a new database before an old Redis is heard", async () => {
  await queue.store.publish({ expected: 0, batch: 1_000, jobs: [] });
  startRelay();
  const ids = await ask(2);
  await untilInLine(2);
  expect((await queue.take("a")).map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  expect(await queue.store.cursor()).toBe(1_001);
});

test("large payloads go in several batches, and all of them arrive", async () => {
  const text = "x".repeat(60_000);
  const ids = [...(await ask(20, text)), ...(await ask(20, text))];
  startRelay();
  await untilInLine(ids.length);
  const batches = await database.sql<{ bytes: number }[]>`
    select sum(octet_length(payload::text))::int as bytes from app.job_outbox group by batch`;
  expect(batches.length).toBeGreaterThan(1);
  for (const { bytes } of batches) expect(bytes).toBeLessThan(MAX_BATCH_BYTES + 65_536);
});

test("many small batches are handed on together when Redis has lost them, and no large one is split", async () => {
  const counts = [...Array.from({ length: 600 }, () => 1), 500, 499, 2];
  await database.sql`
    insert into app.job_outbox (id, queue, kind, version, payload, max_attempts, batch)
    select gen_random_uuid(), 'default', 'test.kind', 1, '{}', 3, batch
    from unnest(${counts}::int[]) with ordinality as given (count, batch), generate_series(1, count)`;
  await database.sql`insert into app.job_outbox_head values ('default', ${counts.length})`;
  const sizes: number[] = [];
  const publish: JobStore["publish"] = async (batch) => {
    sizes.push(batch.jobs.length);
    return await queue.store.publish(batch);
  };
  startRelay({ publish });
  await untilInLine(1_601);
  await untilCurrent();
  expect(sizes).toEqual([500, 100, 500, 499, 2]);
});

test("while Redis is away committed work waits in Postgres, and is handed on when it is back", async () => {
  await using server = await openTestRedisServer();
  await using own = await openTestQueue(server.url);
  const relay = startRelay({}, own);
  await ask(1);
  await untilInLine(1, own);
  await server.stop();
  await until("the loss", () => !own.redis.isReady());
  const [id = ""] = await ask(1);
  relay.wake();
  expect(await rows()).toContain(id);
  await server.start();
  await until("Redis", () => own.redis.isReady() && own.reader.isReady());
  await until("the job", async () => (await own.hash(id))["state"] === "ready");
  await stopRelays();
});
