import { afterAll, beforeAll, expect, test } from "bun:test";

import { attemptUnder, type Outcome } from "./cells.ts";
import { claimOf, openWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const lan = claimOf("lan");
/** Not a UUID, or not JSON: the statement fails, and nothing is read. */
const UNREADABLE = "22P02";

const CLAIMS: [claims: string, outcome: Outcome][] = [
  [`{"sub":"${lan}"}`, 1],
  [`{"sub":"${lan.toUpperCase()}","role":"anything"}`, 1],
  ["", 0],
  ["{}", 0],
  ["[]", 0],
  ['"text"', 0],
  ["null", 0],
  ['{"sub":null}', 0],
  [`{"user_id":"${lan}"}`, 0],
  [`{"sub":"${crypto.randomUUID()}"}`, 0],
  [`[{"sub":"${lan}"}]`, 0],
  ["{", UNREADABLE],
  [" ", UNREADABLE],
  ['{"sub":""}', UNREADABLE],
  ['{"sub":1}', UNREADABLE],
  ['{"sub":true}', UNREADABLE],
  [`{"sub":["${lan}"]}`, UNREADABLE],
  ['{"sub":"lan"}', UNREADABLE],
  [`{"sub":"${lan}' or true --"}`, UNREADABLE],
  [`{"sub":"${lan} "}`, UNREADABLE],
];

test.each(CLAIMS)("claims %s show %p accounts", async (claims, outcome) => {
  const settings = `set local role frm_app; set local request.jwt.claims = '${claims.replaceAll("'", "''")}'`;
  const statement = "select user_id from app.accounts";
  expect(await attemptUnder(world.sql, settings, statement)).toBe(outcome);
});

test("with claims that say nothing no row is written either", async () => {
  for (const claims of ["", "{}", '{"sub":null}'])
    for (const statement of [
      `insert into app.conversations (id, kind, created_by, last_event_at, created_at)
         values (gen_random_uuid(), 'group', '${lan}', now(), now())`,
      `insert into app.audit_entries (id, user_id, action, created_at)
         values (gen_random_uuid(), '${lan}', 'x', now())`,
    ]) {
      const settings = `set local role frm_app; set local request.jwt.claims = '${claims}'`;
      expect(await attemptUnder(world.sql, settings, statement)).toBe("refused");
    }
});

test("claims that a client adds do not change the role of the transaction", async () => {
  for (const role of ["system", "frm_system", "auth", "service_role", "postgres"]) {
    const settings = `set local role frm_app; set local request.jwt.claims = '{"sub":"${lan}","role":"${role}"}'`;
    expect(await attemptUnder(world.sql, settings, "select user_id from app.accounts")).toBe(1);
    expect(await attemptUnder(world.sql, settings, "select * from app.job_outbox")).toBe("denied");
  }
});

test("after a transaction its claims are gone from the connection, and what is left shows nothing", async () => {
  const connection = await world.sql.reserve();
  const settings = `set local role frm_app; set local request.jwt.claims = '{"sub":"${lan}"}'`;
  try {
    await connection.unsafe(`begin; ${settings}; commit`).simple();
    // Postgres leaves an empty text behind, where there was nothing before.
    const [left] = await connection`select current_setting('request.jwt.claims', true) as claims`;
    expect(left).toEqual({ claims: "" });
    await connection.unsafe("begin; set local role frm_app").simple();
    expect((await connection`select user_id from app.accounts`).count).toBe(0);
  } finally {
    await connection`rollback`;
    connection.release();
  }
});
