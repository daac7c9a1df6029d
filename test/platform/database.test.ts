import { afterAll, beforeAll, expect, test } from "bun:test";

import { sql } from "drizzle-orm";

import { type Database, openDatabase } from "../../src/platform/database.ts";
import { openTestDatabase, type TestDatabase } from "../support/database.ts";
import { countLeft, leave, outcomeOf } from "../support/transactions.ts";

const [lan, minh] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await openTestDatabase();
  for (const id of [lan, minh]) {
    await database.sql`insert into app.users values (${id}, 'Someone', now())`;
    await database.sql`insert into app.accounts (user_id, email) values (${id}, ${`${id}@example.com`})`;
  }
  // One connection, so that each transaction meets what the one before it left behind.
  db = await openDatabase({ url: database.url, rolePrefix: "frm", poolSize: 1 });
});
afterAll(async () => {
  await db.close();
  await database[Symbol.asyncDispose]();
});

test("a user sees their own account and nobody else's", async () => {
  const rows = await db.run({ role: "app", userId: lan }, (tx) =>
    tx.execute(sql`select user_id from app.accounts`),
  );
  expect(rows.map((row) => row["user_id"])).toEqual([lan]);
});

test("what is public may not read an account, and an id that is no UUID never reaches Postgres", async () => {
  const reading = db.run({ role: "public" }, (tx) => tx.execute(sql`select 1 from app.accounts`));
  expect(await outcomeOf(reading)).toContain("Failed query");
  const forged = db.run({ role: "app", userId: `${lan}', role` }, (tx) => leave(tx, "forged"));
  expect(await outcomeOf(forged)).toContain("not a UUID");
});

test("a statement that fails takes the whole transaction back, even when the work ignores it", async () => {
  const failing = db.run({ role: "app", userId: lan }, async (tx) => {
    await leave(tx, "failed");
    await tx.execute(sql`select 1 / 0`).catch(() => undefined);
  });
  expect(await outcomeOf(failing)).toContain("Cannot commit");
  expect(await countLeft(database, "failed")).toBe(0);
});

test("claims and role do not leak into the next transaction of the connection", async () => {
  const who = sql`select current_user as role, app.user_id() as id, pg_backend_pid() as pid`;
  const [first] = await db.run({ role: "app", userId: minh }, (tx) => tx.execute(who));
  const [next] = await db.run({ role: "system" }, (tx) => tx.execute(who));
  expect(first).toEqual({ role: "frm_app", id: minh, pid: next?.["pid"] });
  expect(next).toMatchObject({ role: "frm_system", id: null });
});

test("after its connection was lost a transaction sends nothing more, and the next one works", async () => {
  let waiting: Promise<unknown> | undefined;
  const later: string[] = [];
  const lost = db.run({ role: "app", userId: lan }, async (tx) => {
    await leave(tx, "lost");
    // It gets the connection object that this transaction still holds in its hand.
    waiting = db.run({ role: "system" }, (other) => other.execute(sql`select pg_sleep(0.2)`));
    const [me] = await tx.execute(sql`select pg_backend_pid() as pid`);
    await database.sql`select pg_terminate_backend(${String(me?.["pid"])}::int, 5000)`;
    for (let count = 0; count < 3; count += 1)
      await leave(tx, "late").then(
        () => later.push("ran"),
        () => later.push("refused"),
      );
  });
  expect(await outcomeOf(lost)).toBe("dependency_unavailable");
  expect(later).toEqual(["refused", "refused", "refused"]);
  await waiting;
  expect([await countLeft(database, "lost"), await countLeft(database, "late")]).toEqual([0, 0]);
  await db.run({ role: "app", userId: lan }, (tx) => leave(tx, "next"));
  expect(await countLeft(database, "next")).toBe(1);
});

test("a statement that takes too long answers overloaded", async () => {
  const slow = db.run({ role: "system" }, async (tx) => {
    await tx.execute(sql`set local statement_timeout = 30`);
    await tx.execute(sql`select pg_sleep(20)`);
  });
  expect(await outcomeOf(slow)).toBe("overloaded");
});

test("a read is bound like everything else, leaves its connection clean, and is one statement that writes nothing", async () => {
  const ours = { role: "app", userId: lan } as const;
  const accounts = sql`select user_id from app.accounts`;
  const rows = await db.run(ours, (tx) => tx.execute(accounts), { read: true });
  expect(rows.map((row) => row["user_id"])).toEqual([lan]);
  const two = db.run(
    ours,
    async (tx) => {
      await tx.execute(accounts);
      await tx.execute(accounts);
    },
    { read: true },
  );
  expect(await outcomeOf(two)).toContain("Failed query");
  const writing = db.run(ours, (tx) => leave(tx, "read"), { read: true });
  expect(await outcomeOf(writing)).toBe("dependency_unavailable");
  expect(await countLeft(database, "read")).toBe(0);
  const wrong = db.run(ours, (tx) => tx.execute(sql`select 1 / ${0}::int`), { read: true });
  expect(await outcomeOf(wrong)).toContain("Failed query");
  const [next] = await db.run({ role: "system" }, (tx) =>
    tx.execute(sql`select app.user_id() as id, current_user as role`),
  );
  expect(next).toMatchObject({ id: null, role: "frm_system" });
});

test("a single statement that writes stays whole or not at all, and its late COMMIT is not called a failure", async () => {
  const ours = { role: "app", userId: lan } as const;
  await db.run(ours, (tx) => leave(tx, "single"), { single: true });
  expect(await countLeft(database, "single")).toBe(1);
  const twice = db.run(
    ours,
    async (tx) => {
      await leave(tx, "first of two");
      await leave(tx, "second of two");
    },
    { single: true },
  );
  expect(await outcomeOf(twice)).toContain("Failed query");
  expect(await countLeft(database, "second of two")).toBe(0);
  const wrong = sql`insert into app.dev_secrets values ('x', 'y')`;
  const refused = db.run(ours, (tx) => tx.execute(wrong), { single: true });
  expect(await outcomeOf(refused)).toContain("Failed query");
  // COMMIT is on its way before the time is over, so the answer is what became of it.
  const slow = sql`insert into app.bus_outbox (id, channel) select ${Bun.randomUUIDv7()}::uuid, 'slow' from pg_sleep(0.3)`;
  await db.run(ours, (tx) => tx.execute(slow), { single: true, timeoutMs: 100 });
  expect(await countLeft(database, "slow")).toBe(1);
  const [row] = await db.run(ours, (tx) => tx.execute(sql`select current_user as role`));
  expect(row).toEqual({ role: "frm_app" });
});

test("statements of several users share one transaction, each sees only what is its own, and one that fails takes all back", async () => {
  const own = sql`select user_id, txid_current()::text as id from app.accounts`;
  const users = [lan, minh, lan];
  const seen = await db.runTogether(
    users.map((userId) => ({ userId, work: (tx) => tx.execute(own) })),
  );
  expect(seen.map((rows) => rows.map((row) => row["user_id"]))).toEqual([[lan], [minh], [lan]]);
  expect(new Set(seen.flatMap((rows) => rows.map((row) => row["id"]))).size).toBe(1);
  const others = sql`select 1 from app.accounts where user_id = ${lan}::uuid`;
  const [none] = await db.runTogether([
    { userId: minh, work: (tx) => tx.execute(others) },
    { userId: lan, work: (tx) => tx.execute(own) },
  ]);
  expect(none).toHaveLength(0);
  const failing = db.runTogether([
    { userId: lan, work: (tx) => leave(tx, "together") },
    { userId: minh, work: async (tx) => void (await tx.execute(sql`select 1 / ${0}::int`)) },
    { userId: lan, work: (tx) => leave(tx, "together") },
  ]);
  expect(await outcomeOf(failing)).toContain("Failed query");
  const forged = db.runTogether([
    { userId: lan, work: (tx) => leave(tx, "together") },
    { userId: `${lan}', role`, work: (tx) => leave(tx, "together") },
  ]);
  expect(await outcomeOf(forged)).toContain("not a UUID");
  expect(await countLeft(database, "together")).toBe(0);
  const twice = db.runTogether([
    {
      userId: lan,
      work: async (tx) => void (await Promise.all([leave(tx, "first"), leave(tx, "second")])),
    },
    { userId: minh, work: (tx) => leave(tx, "together") },
  ]);
  expect(await outcomeOf(twice)).toContain("Failed query");
  expect(await countLeft(database, "second")).toBe(0);
  expect(await db.runTogether([])).toEqual([]);
  const [next] = await db.run({ role: "system" }, (tx) =>
    tx.execute(sql`select app.user_id() as id, current_user as role`),
  );
  expect(next).toMatchObject({ id: null, role: "frm_system" });
});

test("a read that takes too long is answered in time, and the next one works", async () => {
  const late = { read: true, timeoutMs: 100 };
  const slow = db.run({ role: "system" }, (tx) => tx.execute(sql`select pg_sleep(0.3)`), late);
  expect(await outcomeOf(slow)).toBe("overloaded");
  const one = sql`select 1 as one`;
  const [row] = await db.run({ role: "system" }, (tx) => tx.execute(one), { read: true });
  expect(row).toEqual({ one: 1 });
});
