import { afterAll, beforeAll, expect, test } from "bun:test";

import { getTableName } from "drizzle-orm";

import {
  IMPERSONAL_TABLES,
  PERSONAL_DATA,
} from "../../../src/features/account/service/registry.ts";
import { listTables } from "../../platform/rls/catalogue.ts";
import { openTestDatabase, type TestDatabase } from "../../support/database.ts";
import { columnName, listUnstated, listUserReferences } from "../../support/user_references.ts";

/** How a column is called that holds a secret, or what recognises one. */
const SECRET = /hash|secret|sealed|digest|refresh_key|key_id|counter|token$|^body$/;

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

test("every column that refers to a user has a policy of export and of erasure", async () => {
  const references = await listUserReferences(database.sql);
  expect(references.length).toBeGreaterThan(10);
  expect(listUnstated(references, PERSONAL_DATA)).toEqual([]);
});

test("every table is either somebody's or nobody's, and says which", async () => {
  const tables = (await listTables(database.sql)).map(({ name }) => name);
  const personal = PERSONAL_DATA.map(({ table }) => getTableName(table));
  expect(new Set(personal).size).toBe(personal.length);
  expect([...personal, ...Object.keys(IMPERSONAL_TABLES)].toSorted()).toEqual(tables.toSorted());
  const references = await listUserReferences(database.sql);
  const betrayed = references.filter(({ table }) => Object.hasOwn(IMPERSONAL_TABLES, table));
  expect(betrayed).toEqual([]);
});

test("a table without a policy is noticed, by its foreign key and by the name of its column alone", async () => {
  const connection = await database.sql.reserve();
  try {
    await connection.unsafe(`begin;
      create table app.notes (id uuid primary key, whose uuid references app.users (id), edited_by uuid);
      create table app.replies (id uuid primary key, sender_id uuid, note uuid);
      alter table app.accounts add column inviter_id uuid`);
    const found = listUnstated(await listUserReferences(connection), PERSONAL_DATA);
    expect(found).toEqual([
      "accounts.inviter_id",
      "notes.edited_by",
      "notes.whose",
      "replies.sender_id",
    ]);
    const fewer = PERSONAL_DATA.filter(({ table }) => getTableName(table) !== "sessions");
    expect(listUnstated(await listUserReferences(connection), fewer)).toContain("sessions.user_id");
  } finally {
    await connection`rollback`;
    connection.release();
  }
});

test("no export names a column that holds a secret, but for what its owner wrote", () => {
  const exported = PERSONAL_DATA.flatMap((policy) =>
    "nothing" in policy.exported
      ? []
      : Object.values(policy.exported.columns).map(
          (column) => `${getTableName(policy.table)}.${columnName(column)}`,
        ),
  );
  expect(exported.length).toBeGreaterThan(30);
  const secrets = exported.filter((name) => SECRET.test(name.split(".")[1] ?? ""));
  expect(secrets).toEqual(["messages.body"]);
});

test("what stays says why and until when, and the account is the last that goes", () => {
  const kept = PERSONAL_DATA.flatMap(({ erased }) => (erased.by === "nothing" ? [erased] : []));
  expect(kept.length).toBeGreaterThan(0);
  for (const { because, until } of kept) {
    expect(because.length).toBeGreaterThan(20);
    expect(until.length).toBeGreaterThan(10);
  }
  const last = PERSONAL_DATA.at(-1);
  expect(last && getTableName(last.table)).toBe("accounts");
});
