import { afterAll, beforeAll, expect, test } from "bun:test";

import { sql } from "drizzle-orm";

import { recordAudit } from "../../../src/features/audit/mod.ts";
import { type Actor, type Database, openDatabase } from "../../../src/platform/database.ts";
import { openTestDatabase, type TestDatabase } from "../../support/database.ts";

const [lan, minh] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
const at = new Date("2026-11-23T02:15:00Z");
const ROLES = ["frm_app", "frm_auth", "frm_system", "frm_public"];

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await openTestDatabase();
  for (const id of [lan, minh]) {
    await database.sql`insert into app.users values (${id}, 'Someone', now())`;
    await database.sql`insert into app.accounts (user_id, email) values (${id}, ${`${id}@example.com`})`;
  }
  db = await openDatabase({ url: database.url, rolePrefix: "frm", poolSize: 2 });
  await db.run({ role: "auth" }, (tx) => recordAudit(tx, entry(lan, lan)));
});
afterAll(async () => {
  await db.close();
  await database[Symbol.asyncDispose]();
});

function entry(userId: string, actorId: string | null) {
  return { action: "auth.login", userId, actorId, at, details: {} } as const;
}

async function count(userId: string): Promise<number> {
  const rows = await database.sql`select 1 from app.audit_entries where user_id = ${userId}`;
  return rows.length;
}

/** "done", or what the database says against it. */
async function attempt(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    return String((error as Error).cause ?? error);
  }
}

test("no role that serves may change, delete or empty the log, not even one column of it", async () => {
  const rights = await database.sql`
    select r.name, p.privilege from unnest(${ROLES}::text[]) r (name),
      unnest(array['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) p (privilege)
    where has_table_privilege(r.name, 'app.audit_entries', p.privilege)
      or (p.privilege in ('UPDATE', 'REFERENCES')
        and has_any_column_privilege(r.name, 'app.audit_entries', p.privilege))`;
  expect([...rights]).toEqual([]);
  const actors: Actor[] = [
    { role: "app", userId: lan },
    { role: "auth" },
    { role: "system" },
    { role: "public" },
  ];
  const statements = [
    sql`update app.audit_entries set action = 'nothing'`,
    sql`delete from app.audit_entries`,
    sql`truncate app.audit_entries`,
    sql`merge into app.audit_entries e using (select 1) one on true when matched then delete`,
  ];
  for (const actor of actors)
    for (const statement of statements)
      expect(await attempt(db.run(actor, (tx) => tx.execute(statement)))).toContain(
        "permission denied",
      );
  expect(await count(lan)).toBe(1);
});

test("even the owner of the table changes and deletes nothing, because no policy lets it", async () => {
  await database.sql.begin(async (tx) => {
    await tx`set local role frm_owner`;
    expect((await tx`update app.audit_entries set action = 'nothing'`).count).toBe(0);
    expect((await tx`delete from app.audit_entries`).count).toBe(0);
  });
  expect(await count(lan)).toBe(1);
});

test("a user reads their own log alone, and adds to it under no other name than their own or nobody's", async () => {
  const as = (userId: string) => ({ role: "app", userId }) as const;
  const seen = await db.run(as(minh), (tx) => tx.execute(sql`select 1 from app.audit_entries`));
  expect(seen).toHaveLength(0);
  const add = (userId: string, actorId: string | null) =>
    attempt(db.run(as(minh), (tx) => recordAudit(tx, entry(userId, actorId))));
  expect(await add(minh, lan)).toContain("row-level security");
  expect(await add(lan, minh)).toContain("row-level security");
  expect(await add(lan, null)).toContain("row-level security");
  expect([await count(lan), await count(minh)]).toEqual([1, 0]);
  expect([await add(minh, minh), await add(minh, null)]).toEqual(["done", "done"]);
});

test("an entry goes with its cause: what is rolled back leaves none", async () => {
  const before = await count(minh);
  const failing = db.run({ role: "auth" }, async (tx) => {
    await recordAudit(tx, entry(minh, minh));
    throw new Error("Cannot go on");
  });
  expect(await attempt(failing)).toContain("Cannot go on");
  expect(await count(minh)).toBe(before);
});

test("details that would need a table of their own are refused", async () => {
  const long = { from: "x".repeat(1_024), to: "user" };
  const work = db.run({ role: "system" }, (tx) =>
    recordAudit(tx, { ...entry(lan, null), action: "admin.role_changed", details: long }),
  );
  expect(await attempt(work)).toContain('Cannot record "admin.role_changed"');
});
