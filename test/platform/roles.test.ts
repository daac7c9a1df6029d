import { afterAll, beforeAll, expect, test } from "bun:test";

import { StartError } from "../../src/platform/errors.ts";
import { assertRolesAreBound, roleNames } from "../../src/platform/roles.ts";
import { openTestDatabase, type TestDatabase } from "../support/database.ts";

const names = roleNames("frm");
let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
});

/** Roles belong to the whole server, so the change is seen here alone and never committed. */
async function problemAfter(change: string): Promise<unknown> {
  const connection = await database.sql.reserve();
  try {
    await connection`begin`;
    await connection.unsafe(change);
    return await assertRolesAreBound(connection, names).catch((error: unknown) => error);
  } finally {
    await connection`rollback`;
    connection.release();
  }
}

test("roles as the migrations leave them are bound", async () => {
  expect(await problemAfter("select 1")).toBeUndefined();
});

test.each([
  ["alter role frm_auth bypassrls", "role frm_auth could bypass row-level security"],
  ["alter role frm_public superuser", "role frm_public could bypass row-level security"],
  ["grant frm_owner to frm_app", "role frm_app may act as frm_owner"],
  ["alter table app.users owner to frm_system", "table app.users belongs to frm_system"],
  ["alter table app.users no force row level security", "table app.users does not force"],
  ["create table app.notes (id int)", "table app.notes does not force row-level security"],
])("%s stops the start", async (change, problem) => {
  const error = await problemAfter(change);
  expect(error).toBeInstanceOf(StartError);
  expect((error as Error).message).toContain(problem);
});
