import { afterAll, beforeAll, expect, test } from "bun:test";

import { sql } from "drizzle-orm";

import { type Database, openDatabase } from "../../src/platform/database.ts";
import { openTestDatabase, type TestDatabase } from "../support/database.ts";
import { until } from "../support/poll.ts";
import { outcomeOf } from "../support/transactions.ts";

const PEOPLE = 60;
const READ = { read: true } as const;
/** A parameter that throws when it is put into bytes. */
const UNWRITABLE = {
  toString: () => {
    throw new Error("unwritable");
  },
};

let database: TestDatabase;
/** All that happens here happens on one connection. */
let narrow: Database;
let wide: Database;
const people = Array.from({ length: PEOPLE }, () => Bun.randomUUIDv7());

beforeAll(async () => {
  database = await openTestDatabase();
  for (const id of people) {
    await database.sql`insert into app.users values (${id}, 'Someone', now())`;
    await database.sql`insert into app.accounts (user_id, email) values (${id}, ${`${id}@example.com`})`;
  }
  const options = { url: database.url, rolePrefix: "frm" };
  narrow = await openDatabase({ ...options, poolSize: 1 });
  wide = await openDatabase({ ...options, poolSize: 6 });
});
afterAll(async () => {
  await narrow.close();
  await wide.close();
  await database[Symbol.asyncDispose]();
});

function as(userId: string | undefined) {
  return { role: "app", userId: userId ?? "" } as const;
}

function accountsOf(on: Database, userId: string | undefined) {
  const all = sql`select user_id, current_user as role from app.accounts`;
  return on.run(as(userId), (tx) => tx.execute(all), READ);
}

function sleeping(on: Database, seconds: number) {
  const nap = sql`select pg_sleep(${seconds}::float8)`;
  return on.run(as(people[0]), (tx) => tx.execute(nap), READ);
}

/** The process that has been sleeping for us for a while. */
async function sleeper(): Promise<number> {
  const rows = await database.sql<{ pid: number }[]>`
    select pid from pg_stat_activity where query like '%pg_sleep($1%' and state = 'active' and pid <> pg_backend_pid()
      and now() - query_start > interval '20 ms'`;
  return rows[0]?.pid ?? 0;
}

test("reads that share connections see the rows of their own user, and nobody else's", async () => {
  for (const on of [narrow, wide]) {
    const found = await Promise.all(people.map((id) => accountsOf(on, id)));
    expect(found.map((rows) => rows.map((row) => row["user_id"]))).toEqual(
      people.map((id) => [id]),
    );
    expect(new Set(found.flat().map((row) => row["role"]))).toEqual(new Set(["frm_app"]));
  }
});

test("a read that fails takes none of those before and behind it with it", async () => {
  const outcomes = await Promise.all(
    people.map(async (id, place) => {
      const wrong = sql`select 1 / ${0}::int`;
      if (place % 3 === 1)
        return await outcomeOf(narrow.run(as(id), (tx) => tx.execute(wrong), READ));
      return (await accountsOf(narrow, id)).length;
    }),
  );
  for (const [place, outcome] of outcomes.entries())
    if (place % 3 === 1) expect(String(outcome)).toContain("Failed query");
    else expect(outcome).toBe(1);
});

test("a transaction that waits for the connection has its turn before the reads behind it", async () => {
  const order: string[] = [];
  const first = sleeping(narrow, 0.1).then(() => order.push("read"));
  await until("the first read to run", async () => (await sleeper()) > 0);
  const write = narrow
    .run(as(people[1]), (tx) => tx.execute(sql`select 1`))
    .then(() => order.push("transaction"));
  const later = people.map((id) => accountsOf(narrow, id).then(() => order.push("later read")));
  await Promise.all([first, write, ...later]);
  expect(order.slice(0, 3)).toEqual(["read", "transaction", "later read"]);
});

test("a slow read keeps those behind it waiting only until they find another connection", async () => {
  const slow = outcomeOf(sleeping(wide, 4));
  await until("the slow read to run", async () => (await sleeper()) > 0);
  for (let round = 0; round < 5; round += 1)
    await Promise.all(people.map((id) => accountsOf(wide, id)));
  const pid = await sleeper();
  expect(pid).toBeGreaterThan(0);
  await database.sql`select pg_cancel_backend(${pid})`;
  expect(await slow).toBe("overloaded");
});

test("reads whose connection is lost are told so, nothing of them hangs, and the next ones work", async () => {
  const lost = [sleeping(narrow, 30), ...people.slice(0, 5).map((id) => accountsOf(narrow, id))];
  const outcomes = Promise.all(lost.map((read) => outcomeOf(read)));
  await until("the reads to run", async () => (await sleeper()) > 0);
  await database.sql`select pg_terminate_backend(${await sleeper()})`;
  expect(new Set(await outcomes)).toEqual(new Set(["dependency_unavailable"]));
  for (const id of people.slice(0, 3)) expect(await accountsOf(narrow, id)).toHaveLength(1);
  const [row] = await narrow.run({ role: "system" }, (tx) =>
    tx.execute(sql`select app.user_id() as id, current_user as role`),
  );
  expect(row).toMatchObject({ id: null, role: "frm_system" });
});

test("a read that is late is answered in time, and the connection serves again when it has ended", async () => {
  const nap = sql`select pg_sleep(${0.3}::float8)`;
  const late = narrow.run(as(people[0]), (tx) => tx.execute(nap), { read: true, timeoutMs: 50 });
  expect(await outcomeOf(late)).toBe("overloaded");
  expect(await accountsOf(narrow, people[2])).toHaveLength(1);
});

test("work that asks for no statement sends none, and takes nothing from anybody", async () => {
  expect(await narrow.run(as(people[0]), async () => 7, READ)).toBe(7);
  const refused = narrow.run(as(people[0]), () => Promise.reject(new RangeError("mine")), READ);
  expect(await outcomeOf(refused)).toContain("mine");
  expect(await accountsOf(narrow, people[3])).toHaveLength(1);
});

test("a pool whose reads are over closes at once", async () => {
  const pool = await openDatabase({ url: database.url, rolePrefix: "frm", poolSize: 3 });
  await Promise.all(people.map((id) => accountsOf(pool, id)));
  const startedAt = performance.now();
  await pool.close();
  // It would wait 3 s for a connection that somebody keeps.
  expect(performance.now() - startedAt).toBeLessThan(2_500);
});

test("a read that cannot be put into bytes fails alone, and nobody gets another's answer", async () => {
  const outcomes = await Promise.all(
    people.map(async (id, place) => {
      const odd = sql`select user_id from app.accounts where email = ${UNWRITABLE}`;
      if (place % 4 === 2)
        return await outcomeOf(narrow.run(as(id), (tx) => tx.execute(odd), READ));
      return (await accountsOf(narrow, id)).map((row) => row["user_id"]);
    }),
  );
  for (const [place, outcome] of outcomes.entries())
    if (place % 4 === 2) expect(outcome).toBe("unwritable");
    else expect(outcome).toEqual([people[place]]);
});

test("a migration beside us is noticed by each connection, and costs neither a read nor its answer", async () => {
  const read = async (id: string) => {
    const own = sql`select user_id, locale from app.accounts where user_id = ${id}`;
    const rows = await wide.run(as(id), (tx) => tx.execute(own), READ);
    return rows.map((row) => row["user_id"]);
  };
  const expected = people.map((id) => [id]);
  expect(await Promise.all(people.map(read))).toEqual(expected);
  await database.sql`alter table app.accounts alter column locale type varchar(10)`;
  expect(await Promise.all(people.map(read))).toEqual(expected);
});

test("a statement that a migration has made stale never runs outside of its transaction", async () => {
  await database.sql.unsafe(`
    create table app.notes (note text, wrote text default current_setting('role'));
    grant select, insert on app.notes to frm_app`);
  const note = sql`insert into app.notes (note) values (${"x"}) returning note`;
  const single = () =>
    narrow.run(as(people[0]), (tx) => tx.execute(note), { single: true }).then(() => "done");
  const several = () => outcomeOf(narrow.run(as(people[0]), (tx) => tx.execute(note)));
  expect(await single()).toBe("done");
  await database.sql`alter table app.notes alter column note type varchar(300)`;
  expect(await single()).toBe("done");
  await database.sql`alter table app.notes alter column note type text`;
  expect([await several(), await several()]).toEqual(["overloaded", "done"]);
  const rows = await database.sql<{ wrote: string }[]>`select wrote from app.notes`;
  expect(rows.map(({ wrote }) => wrote)).toEqual(["frm_app", "frm_app", "frm_app"]);
});
