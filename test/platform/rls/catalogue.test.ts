import { afterAll, beforeAll, expect, test } from "bun:test";

import { openTestDatabase, type TestDatabase } from "../../support/database.ts";
import { listPolicies, listTableGrants, listTables } from "./catalogue.ts";
import { listGrants, roleOf } from "./cells.ts";
import { COVERAGE, WITHOUT_POLICIES } from "./coverage.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

test("every table is either covered or excused with a reason, and there are no views", async () => {
  const tables = await listTables(database.sql);
  expect(tables.length).toBeGreaterThan(5);
  expect(tables.filter(({ kind }) => kind !== "r")).toEqual([]);
  const known = [...Object.keys(COVERAGE), ...Object.keys(WITHOUT_POLICIES)];
  expect(tables.map(({ name }) => name)).toEqual(known.toSorted());
});

test("every covered table has row-level security that binds its owner too", async () => {
  const tables = await listTables(database.sql);
  for (const { name, owner, enabled, forced } of tables) {
    const isCovered = Object.hasOwn(COVERAGE, name);
    const expected = { name, owner: "frm_owner", enabled: isCovered, forced: isCovered };
    expect({ name, owner, enabled, forced }).toEqual(expected);
  }
});

test("the policies are those whose cells are written down, and all of them only permit", async () => {
  const policies = await listPolicies(database.sql);
  const found = policies.map(({ table, name, command, roles }) =>
    [table, name, command, roles].join(" "),
  );
  const written = Object.entries(COVERAGE).flatMap(([table, coverage]) =>
    coverage.policies.map((policy) => `${table} ${policy}`),
  );
  expect(found.toSorted()).toEqual(written.toSorted());
  expect(policies.filter(({ permissive }) => permissive !== "PERMISSIVE")).toEqual([]);
});

test("a policy that asks who acts does so once a statement, and not once a row", async () => {
  for (const { name, using, check } of await listPolicies(database.sql)) {
    const text = `${using ?? ""} ${check ?? ""}`;
    const asked = text.match(/app\.user_id\(\)/g)?.length ?? 0;
    const askedOnce = text.match(/\( SELECT app\.user_id\(\) AS user_id\)/g)?.length ?? 0;
    expect({ name, asked }).toEqual({ name, asked: askedOnce });
  }
});

test("each role has the privileges that are written down, cannot pass them on, and has no other", async () => {
  const grants = await listTableGrants(database.sql);
  const found = grants.map(
    ({ table, role, privilege, column }) => `${table} ${role} ${privilege} ${column}`,
  );
  const written = Object.entries(COVERAGE).flatMap(([table, coverage]) =>
    listGrants(coverage.grants).map((grant) => `${table} ${grant}`),
  );
  expect(found.toSorted()).toEqual(written.toSorted());
  expect(grants.filter(({ grantable }) => grantable)).toEqual([]);
});

test("whatever a role may do is done at least once, and denied to the rest", () => {
  for (const [table, { grants, cells }] of Object.entries(COVERAGE)) {
    const done = cells.filter(([, , outcome]) => Number(outcome) > 0);
    const did = new Set(done.map(([actor, text]) => `${roleOf(actor)} ${text.split(" ")[0]}`));
    const may = listGrants(grants).map((grant) => grant.split(" ").slice(0, 2).join(" "));
    expect({ table, missing: may.filter((line) => !did.has(line)) }).toEqual({
      table,
      missing: [],
    });
    const denied = cells.some(([as, , outcome]) => as === "public" && outcome === "denied");
    expect({ table, denied }).toEqual({ table, denied: true });
  }
});

test("a new table, policy or privilege is noticed", async () => {
  const connection = await database.sql.reserve();
  const counts = async () => [
    (await listTables(connection)).length,
    (await listPolicies(connection)).length,
    (await listTableGrants(connection)).length,
  ];
  try {
    await connection`begin`;
    const [tables = 0, policies = 0, grants = 0] = await counts();
    await connection.unsafe(`create view app.everybody as select * from app.accounts;
      create policy another on app.users for delete to frm_app using (true);
      grant select (password_hash) on app.accounts to frm_app; grant delete on app.users to public`);
    expect(await counts()).toEqual([tables + 1, policies + 1, grants + 2]);
  } finally {
    await connection`rollback`;
    connection.release();
  }
});
