import { afterAll, beforeAll, expect, test } from "bun:test";

import { sql } from "drizzle-orm";

import { type Database, openDatabase, type Transaction } from "../../src/platform/database.ts";
import { TimeoutError } from "../../src/platform/time.ts";
import { openTestDatabase, type TestDatabase } from "../support/database.ts";
import { until } from "../support/poll.ts";
import { countLeft, leave, outcomeOf } from "../support/transactions.ts";

const POOL_SIZE = 2;
const TIMEOUT_MS = 50;
let database: TestDatabase;
/** With one connection each transaction meets what the one before it left behind. */
let single: Database;
let db: Database;

beforeAll(async () => {
  database = await openTestDatabase();
  // A deferred trigger makes the COMMIT of the rows that ask for it as slow as they say.
  await database.sql.unsafe(`
    create function app.commit_slowly() returns trigger language plpgsql as $$
      begin perform pg_sleep(substr(new.channel, 6)::float8); return new; end $$;
    create constraint trigger slow after insert on app.bus_outbox deferrable initially deferred
      for each row when (new.channel like 'slow:%') execute function app.commit_slowly()`);
  const options = { url: database.url, rolePrefix: "frm" };
  single = await openDatabase({ ...options, poolSize: 1 });
  db = await openDatabase({ ...options, poolSize: POOL_SIZE });
});
afterAll(async () => {
  await single.close();
  await db.close();
  await database[Symbol.asyncDispose]();
});

const user = Bun.randomUUIDv7();

/** Runs under the one role that may fill the outbox. */
function run<T>(on: Database, work: (tx: Transaction) => Promise<T>, timeoutMs?: number) {
  return on.run({ role: "app", userId: user }, work, timeoutMs === undefined ? {} : { timeoutMs });
}

/** As many transactions as there are connections at the same moment and one more, each of them new. */
async function expectWhole(on: Database, size: number): Promise<void> {
  const [clock] = await database.sql<{ since: string }[]>`select clock_timestamp()::text as since`;
  const gate = Promise.withResolvers<void>();
  let entered = 0;
  const all = Array.from({ length: size + 1 }, () =>
    run(on, async (tx) => {
      const [row] = await tx.execute(
        sql`select now() > ${clock?.since ?? ""}::timestamptz as began, pg_current_xact_id_if_assigned() as wrote`,
      );
      if ((entered += 1) === size) gate.resolve();
      await gate.promise;
      return { ...row };
    }),
  );
  const fresh = { began: true, wrote: null };
  expect(await Promise.all(all)).toEqual(Array.from(all, () => fresh));
}

test("work that is late is answered overloaded, never commits, and leaves its connection clean", async () => {
  const held = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<string>();
  const late = run(
    single,
    async (tx) => {
      await leave(tx, "early");
      await held.promise;
      ended.resolve(await outcomeOf(leave(tx, "late")));
    },
    TIMEOUT_MS,
  );
  expect(await outcomeOf(late)).toBe("overloaded");
  // The work still runs, and nobody waits for it: the only connection is free for others.
  await run(single, (tx) => leave(tx, "next"));
  held.resolve();
  expect(await ended.promise).toContain("Failed query");
  await run(single, (tx) => leave(tx, "next"));
  expect([
    await countLeft(database, "early"),
    await countLeft(database, "late"),
    await countLeft(database, "next"),
  ]).toEqual([0, 0, 2]);
  await expectWhole(single, 1);
});

test("work that ends after its time does not commit", async () => {
  const held = Promise.withResolvers<void>();
  const late = run(
    db,
    async (tx) => {
      await leave(tx, "finished");
      await held.promise;
    },
    TIMEOUT_MS,
  );
  expect(await outcomeOf(late)).toBe("overloaded");
  held.resolve();
  await expectWhole(db, POOL_SIZE);
  expect(await countLeft(database, "finished")).toBe(0);
});

test("a statement in flight is answered in time, and rolled back when it has ended", async () => {
  const started = performance.now();
  const slow = run(
    single,
    async (tx) => {
      await leave(tx, "in flight");
      await tx.execute(sql`select pg_sleep(0.5)`);
    },
    TIMEOUT_MS,
  );
  expect(await outcomeOf(slow)).toBe("overloaded");
  expect(performance.now() - started).toBeLessThan(450);
  await expectWhole(single, 1);
  expect(await countLeft(database, "in flight")).toBe(0);
});

test("whoever waits for a connection too long leaves the queue and takes nobody's turn", async () => {
  const held = Promise.withResolvers<void>();
  const holders = Array.from({ length: POOL_SIZE }, () => run(db, () => held.promise));
  let worked = 0;
  const waiters = Array.from({ length: 5 }, () =>
    run(db, () => Promise.resolve((worked += 1)), TIMEOUT_MS),
  );
  const patient = run(db, (tx) => leave(tx, "patient"));
  expect(new Set(await Promise.all(waiters.map(outcomeOf)))).toEqual(new Set(["overloaded"]));
  held.resolve();
  await Promise.all([...holders, patient]);
  await expectWhole(db, POOL_SIZE);
  expect([worked, await countLeft(database, "patient")]).toEqual([0, 1]);
});

test("a COMMIT on its way is waited for and believed", async () => {
  expect(await outcomeOf(run(single, (tx) => leave(tx, "slow:0.4"), 200))).toBe("done");
  expect(await countLeft(database, "slow:0.4")).toBe(1);
  await expectWhole(single, 1);
});

test("a COMMIT on its way is not waited for without end", async () => {
  const started = performance.now();
  expect(await outcomeOf(run(single, (tx) => leave(tx, "slow:2.5"), 200))).toBe("overloaded");
  expect(performance.now() - started).toBeLessThan(2_400);
  await expectWhole(single, 1);
});

test.each([
  ["a timeout of its own", () => new TimeoutError("Cannot wait for another server")],
  ["another server's connection", () => Object.assign(new Error("x"), { code: "ECONNREFUSED" })],
])(
  "work that fails with %s is rolled back before its connection is given on",
  async (what, make) => {
    const failing = run(single, async (tx) => {
      await leave(tx, what);
      throw make();
    });
    expect(await outcomeOf(failing)).toBe("dependency_unavailable");
    await run(single, (tx) => leave(tx, "after"));
    expect(await countLeft(database, what)).toBe(0);
  },
);

test("a connection that dies after the time was over is replaced", async () => {
  const pid = Promise.withResolvers<string>();
  const late = run(
    single,
    async (tx) => {
      const [row] = await tx.execute(sql`select pg_backend_pid() as pid`);
      pid.resolve(String(row?.["pid"]));
      await tx.execute(sql`select pg_sleep(3)`);
    },
    TIMEOUT_MS,
  );
  expect(await outcomeOf(late)).toBe("overloaded");
  await database.sql`select pg_terminate_backend(${await pid.promise}::int, 5000)`;
  await expectWhole(single, 1);
});

test("connections that Postgres ends in the middle of a statement are all replaced", async () => {
  const pids = new Set<string>();
  const sleepers = Array.from({ length: POOL_SIZE }, () =>
    run(db, async (tx) => {
      const [row] = await tx.execute(sql`select pg_backend_pid() as pid`);
      pids.add(String(row?.["pid"]));
      await tx.execute(sql`select pg_sleep(4)`);
    }),
  );
  const outcomes = Promise.all(sleepers.map(outcomeOf));
  await until("both to sleep", async () => {
    const [row] = await database.sql<{ n: number }[]>`
      select count(*)::int as n from pg_stat_activity
      where pid::text = any (string_to_array(${[...pids].join()}, ','))
        and query like 'select pg_sleep%' and state = 'active'`;
    return row?.n === POOL_SIZE;
  });
  for (const pid of pids) await database.sql`select pg_terminate_backend(${pid}::int, 5000)`;
  expect(new Set(await outcomes)).toEqual(new Set(["dependency_unavailable"]));
  await expectWhole(db, POOL_SIZE);
});

test("no connection is left inside a transaction", async () => {
  await until("every connection to be idle", async () => {
    const rows = await database.sql<{ state: string }[]>`
      select state from pg_stat_activity
      where datname = current_database() and application_name = 'frm-ai'`;
    return rows.length > 0 && rows.every(({ state }) => state === "idle");
  });
});
