import { afterAll, beforeAll, expect, test } from "bun:test";

import { openStage, say } from "../../support/erasure_stage.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { askToSweep, makeDue, scheduleDeletion, sweepAccounts } from "../../support/lifecycle.ts";
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

/** What the erasure would change of an account first, and delete last. */
async function accountOf(userId: string): Promise<unknown[]> {
  const rows = await cluster.database.sql`
    select email, version from app.accounts where user_id = ${userId}`;
  return [...rows];
}

/** Backends of our roles that wait for a lock in this test's database. */
async function waiting(): Promise<number> {
  const rows = await cluster.database.sql`
    select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  return rows.length;
}

test.each([
  ["while conversations are left", "app.conversation_events"],
  ["in the middle of the erasure", "app.recovery_codes"],
])(
  "a process that is killed %s leaves nothing half done, and the next one ends it",
  async (_, table) => {
    const { sql } = cluster.database;
    const { lan, minh, group } = await openStage(server.url, cluster.database);
    await scheduleDeletion(server.url, lan);
    const before = await accountOf(lan.id);
    await server.kill();
    const lock = await sql.reserve();
    try {
      await lock.unsafe(`begin; lock table ${table} in access exclusive mode`);
      await makeDue(sql, lan);
      await askToSweep(sql);
      const doomed = await cluster.start();
      await until("the erasure to be under way", async () => (await waiting()) > 0, 20_000);
      await doomed.kill();
    } finally {
      await lock`rollback`;
      lock.release();
    }
    await until("the killed one's transactions to end", async () => {
      const rows = await sql`select 1 from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null`;
      return rows.length === 0;
    });
    const after = await accountOf(lan.id);
    expect(after).toEqual(before);
    expect(await sql`select 1 from app.totp_secrets where user_id = ${lan.id}`).toHaveLength(1);
    const [user] = await sql`select display_name from app.users where id = ${lan.id}`;
    expect(user?.["display_name"]).toBe("Lan");

    server = await cluster.start();
    await sweepAccounts(sql);
    await until("the erasure", async () => (await accountOf(lan.id)).length === 0, 20_000);
    // However often it was begun, she has left once.
    const left = await sql`select 1 from app.conversation_events
    where conversation_id = ${group} and actor_id = ${lan.id} and data ->> 'op' = 'remove'`;
    expect(left).toHaveLength(1);
    const owners = await sql`select 1 from app.conversation_members
    where conversation_id = ${group} and role = 'owner'`;
    expect(owners).toHaveLength(1);
    await say({ ...server, token: minh.token }, group, "we go on");
    const erased = await sql`select 1 from app.audit_entries
    where user_id = ${lan.id} and action = 'account.erased'`;
    expect(erased).toHaveLength(1);
  },
  60_000,
);
