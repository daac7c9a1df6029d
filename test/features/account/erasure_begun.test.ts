import { afterAll, beforeAll, expect, test } from "bun:test";

import type postgres from "postgres";

import { call, PASSWORD, type Person, signUp } from "../../support/client.ts";
import { openStage } from "../../support/erasure_stage.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import {
  askToSweep,
  deletion,
  makeDue,
  outcomeOf,
  scheduleDeletion,
  sweepAccounts,
} from "../../support/lifecycle.ts";
import { until } from "../../support/poll.ts";

let cluster: Cluster;
let server: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** Holds a table as long as the work lasts, so that whoever needs it waits. */
async function holding<T>(table: string, mode: string, work: () => Promise<T>): Promise<T> {
  const connection: postgres.ReservedSql = await cluster.database.sql.reserve();
  try {
    await connection.unsafe(`begin; lock table ${table} in ${mode} mode`).simple();
    return await work();
  } finally {
    await connection`rollback`;
    connection.release();
  }
}

async function untilWaiting(count: number): Promise<void> {
  await until(`${count} to wait for a lock`, async () => {
    const rows = await cluster.database.sql`select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return rows.length >= count;
  });
}

/** The conversations that a user is in, with what they are there. */
async function placesOf({ id }: Person): Promise<string[]> {
  const rows = await cluster.database.sql<{ place: string }[]>`
    select conversation_id || ' ' || role as place from app.conversation_members
    where user_id = ${id} and left_seq is null order by 1`;
  return rows.map(({ place }) => place);
}

async function hasAccount({ id }: Person): Promise<boolean> {
  return (await cluster.database.sql`select 1 from app.accounts where user_id = ${id}`).length > 0;
}

function isSaidErased({ id }: Person): boolean {
  return server
    .log()
    .split("\n")
    .some((line) => line.includes("erased an account") && line.includes(id));
}

async function enter(path: "login" | "register", { email }: Person): Promise<string> {
  const known = { email, password: PASSWORD, transport: "body" };
  const body = path === "login" ? known : { ...known, displayName: "Lan" };
  return outcomeOf(await call("POST", `${server.url}/v1/auth/${path}`, { body }));
}

test("whoever cancels at the last moment keeps the account with everything that was theirs", async () => {
  const { sql } = cluster.database;
  const { lan } = await openStage(server.url, cluster.database);
  await scheduleDeletion(server.url, lan);
  const before = await placesOf(lan);
  expect(before).toHaveLength(3);
  await sql`update app.accounts set deletion_due_at = clock_timestamp() + interval '1.5 seconds'
    where user_id = ${lan.id}`;
  const { answer, sweep } = await holding("app.audit_entries", "exclusive", async () => {
    const cancelled = deletion("DELETE", server.url, lan.token);
    await untilWaiting(1);
    await until("the end of the grace", async () => {
      const rows = await sql`select 1 from app.accounts
        where user_id = ${lan.id} and deletion_due_at < clock_timestamp()`;
      return rows.length > 0;
    });
    const id = await askToSweep(sql);
    await untilWaiting(2);
    return { answer: cancelled, sweep: id };
  });
  expect((await answer).status).toBe(204);
  await until("the sweep", async () => {
    return (await sql`select 1 from app.job_outbox where id = ${sweep}`).length === 0;
  });
  expect(await placesOf(lan)).toEqual(before);
  expect(await hasAccount(lan)).toBe(true);
  expect(isSaidErased(lan)).toBe(false);
  expect((await deletion("GET", server.url, lan.token)).body["isScheduled"]).toBe(false);
});

test("once the erasure has begun nobody takes it back, signs in, or takes the address, until it is done", async () => {
  const { sql } = cluster.database;
  const { lan } = await openStage(server.url, cluster.database);
  await scheduleDeletion(server.url, lan);
  await makeDue(sql, lan);
  await holding("app.recovery_codes", "access exclusive", async () => {
    await askToSweep(sql);
    await until("the mark", async () => {
      const rows = await sql`select 1 from app.accounts
        where user_id = ${lan.id} and erasing_since is not null`;
      return rows.length > 0;
    });
    expect(outcomeOf(await deletion("DELETE", server.url, lan.token))).toBe(
      "409 deletion_under_way",
    );
    expect(await enter("login", lan)).toBe("401 invalid_credentials");
    expect(await enter("register", lan)).toBe("409 already_exists");
    expect(isSaidErased(lan)).toBe(false);
  });
  await until("the erasure", async () => !(await hasAccount(lan)));
  await until("the word of it", () => isSaidErased(lan));
  expect(await placesOf(lan)).toEqual([]);
  expect(await enter("register", lan)).toBe("201");
});

test("the mark holds even if the clock goes back, and whoever asks again is told of the same deletion", async () => {
  const { sql } = cluster.database;
  const lan = await signUp(server.url, "Lan");
  await scheduleDeletion(server.url, lan);
  await sql`update app.accounts set erasing_since = now(), deletion_due_at = now() + interval '1 day'
    where user_id = ${lan.id}`;
  expect(outcomeOf(await deletion("DELETE", server.url, lan.token))).toBe("409 deletion_under_way");
  const again = await deletion("POST", server.url, lan.token);
  expect([again.status, again.body["isScheduled"]] as unknown[]).toEqual([202, true]);
  const email = { email: `new.${lan.email}` };
  const moved = await call("POST", `${server.url}/v1/account/email`, {
    token: lan.token,
    body: email,
  });
  expect(outcomeOf(moved)).toBe("401 session_revoked");
});

test("a ban holds the erasure, so that the address is not free, and the end of the ban lets it go on", async () => {
  const { sql } = cluster.database;
  const lan = await signUp(server.url, "Lan");
  await scheduleDeletion(server.url, lan);
  await sql`update app.accounts set banned_at = now() where user_id = ${lan.id}`;
  await makeDue(sql, lan);
  await sweepAccounts(sql);
  expect(await hasAccount(lan)).toBe(true);
  expect(await enter("login", lan)).toBe("403 account_banned");
  expect(await enter("register", lan)).toBe("409 already_exists");
  await sql`update app.accounts set banned_at = null where user_id = ${lan.id}`;
  await sweepAccounts(sql);
  expect(await hasAccount(lan)).toBe(false);
});
