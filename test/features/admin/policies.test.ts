import { afterAll, beforeAll, expect, test } from "bun:test";

import { type SQL, sql } from "drizzle-orm";

import { type Database, openDatabase } from "../../../src/platform/database.ts";
import { openTestDatabase, type TestDatabase } from "../../support/database.ts";

/** These rules hold by the database alone: no service is asked here. */
const PEOPLE = {
  lan: ["user", false],
  minh: ["user", false],
  moderator: ["moderator", false],
  colleague: ["moderator", false],
  admin: ["admin", false],
  boss: ["admin", false],
  fallen: ["admin", true],
} as const;
type Name = keyof typeof PEOPLE;
const NAMES = Object.keys(PEOPLE) as Name[];
const ids = Object.fromEntries(NAMES.map((name) => [name, Bun.randomUUIDv7()])) as Record<
  Name,
  string
>;

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await openTestDatabase();
  for (const [name, [role, banned]] of Object.entries(PEOPLE)) {
    const id = ids[name as Name];
    const at = banned ? new Date() : null;
    await database.sql`insert into app.users values (${id}, ${name}, now())`;
    await database.sql`insert into app.accounts (user_id, email, role, banned_at)
      values (${id}, ${`${name}@example.com`}, ${role}, ${at})`;
    await database.sql`
      insert into app.sessions (id, user_id, refresh_key, refreshed_at, created_at, expires_at)
      values (${id}, ${id}, 'key', now(), now(), now() + interval '1 day')`;
  }
  db = await openDatabase({ url: database.url, rolePrefix: "frm", poolSize: 2 });
});
afterAll(async () => {
  await db.close();
  await database[Symbol.asyncDispose]();
});

/** Whose rows a statement that returns user_id touches; everything is taken back. */
async function touched(name: Name, statement: SQL): Promise<string[]> {
  const found: string[] = [];
  try {
    await db.run({ role: "app", userId: ids[name] }, async (tx) => {
      const rows = await tx.execute<{ user_id: string }>(statement);
      found.push(...rows.map((row) => NAMES.find((one) => ids[one] === row.user_id) ?? "?"));
      throw new Error("taken back");
    });
  } catch (error) {
    const message = String((error as Error).cause ?? error);
    if (!message.includes("taken back")) return [message];
  }
  return found.toSorted();
}

const EVERYBODY = NAMES.toSorted();
const BELOW_A_MODERATOR = ["lan", "minh"];

test("staff sees every account and every session; users, and staff that is banned, their own", async () => {
  for (const table of ["accounts", "sessions"]) {
    const look = sql`select user_id from app.${sql.identifier(table)}`;
    for (const name of ["moderator", "admin"] as const)
      expect([table, name, await touched(name, look)]).toEqual([table, name, EVERYBODY]);
    for (const name of ["lan", "fallen"] as const)
      expect([table, name, await touched(name, look)]).toEqual([table, name, [name]]);
  }
});

test("an admin changes every account but their own, a moderator those of users, and nobody else any", async () => {
  const change = sql`update app.accounts set banned_at = now(), version = version + 1
    returning user_id`;
  expect(await touched("admin", change)).toEqual(EVERYBODY.filter((name) => name !== "admin"));
  expect(await touched("moderator", change)).toEqual(BELOW_A_MODERATOR);
  expect(await touched("lan", change)).toEqual([]);
  expect(await touched("fallen", change)).toEqual([]);
});

test("a moderator makes nobody a moderator, and nobody makes themselves an admin", async () => {
  const promote = (role: string, name: Name) =>
    sql`update app.accounts set role = ${role} where user_id = ${ids[name]} returning user_id`;
  const refused = await touched("moderator", promote("moderator", "lan"));
  expect(refused.join()).toContain("row-level security");
  for (const name of ["lan", "moderator", "admin", "fallen"] as const)
    expect([name, await touched(name, promote("admin", name))]).toEqual([name, []]);
});

test("staff ends sessions of those whom it may ban and its own, and gives none another time", async () => {
  const end = sql`update app.sessions set revoked_at = now() returning user_id`;
  expect(await touched("admin", end)).toEqual(EVERYBODY);
  expect(await touched("moderator", end)).toEqual([...BELOW_A_MODERATOR, "moderator"].toSorted());
  expect(await touched("lan", end)).toEqual(["lan"]);
  expect(await touched("fallen", end)).toEqual(["fallen"]);
  const revive = sql`update app.sessions set revoked_at = null returning user_id`;
  expect((await touched("admin", revive)).join()).toContain("row-level security");
});

test("staff gets no further column: no address, no password, no key of a session", async () => {
  const statements = [
    sql`select user_id, password_hash from app.accounts`,
    sql`select user_id, refresh_key from app.sessions`,
    sql`update app.accounts set email = 'x@example.com' returning user_id`,
    sql`update app.accounts set password_hash = 'x' returning user_id`,
    sql`update app.sessions set expires_at = now() returning user_id`,
    sql`delete from app.accounts returning user_id`,
    sql`insert into app.accounts (user_id, email, role) values (${ids.lan}, 'x', 'admin')`,
  ];
  for (const statement of statements)
    expect((await touched("admin", statement)).join()).toContain("permission denied");
});

test("an admin reads every log, a moderator their own, and staff writes into others' under its own name", async () => {
  await database.sql`insert into app.audit_entries (id, user_id, action, created_at)
    select gen_random_uuid(), id, 'auth.login', now() from app.users`;
  const look = sql`select user_id from app.audit_entries`;
  expect(await touched("admin", look)).toEqual(EVERYBODY);
  for (const name of ["moderator", "lan", "fallen"] as const)
    expect([name, await touched(name, look)]).toEqual([name, [name]]);
  const write = (userId: string, actorId: string) =>
    sql`insert into app.audit_entries (id, user_id, actor_id, action, created_at)
      values (gen_random_uuid(), ${userId}, ${actorId}, 'admin.banned', now())`;
  expect(await touched("moderator", write(ids.lan, ids.moderator))).toEqual([]);
  for (const name of ["lan", "fallen"] as const)
    expect((await touched(name, write(ids.minh, ids[name]))).join()).toContain(
      "row-level security",
    );
  expect((await touched("moderator", write(ids.lan, ids.admin))).join()).toContain(
    "row-level security",
  );
});

test("a role that is lost within a transaction of somebody else counts at the next statement", async () => {
  const outcome: string[] = [];
  await db.run({ role: "app", userId: ids.boss }, async (tx) => {
    const look = sql`select user_id from app.accounts`;
    outcome.push(String((await tx.execute(look)).length));
    await database.sql`update app.accounts set role = 'user' where user_id = ${ids.boss}`;
    outcome.push(String((await tx.execute(look)).length));
    const act = sql`update app.accounts set role = 'user' where user_id = ${ids.admin} returning 1`;
    outcome.push(String((await tx.execute(act)).length));
  });
  expect(outcome).toEqual([String(NAMES.length), "1", "0"]);
});
