import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";

let cluster: Cluster;
let server: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start({ ROLE: "api,relay" });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** Asks for the work that a killed process would be found to have left, without the wait for the end of its lease. */
async function askAgain(exportId: string): Promise<void> {
  const { sql } = cluster.database;
  await sql`insert into app.job_outbox (id, queue, kind, version, payload, max_attempts)
    values (${Bun.randomUUIDv7()}, 'default', 'account.write_export', 1, ${sql.json({ exportId })}, 3)`;
}

test("a copy whose writer is killed is written from its beginning by another, and is whole", async () => {
  const { sql } = cluster.database;
  const lan = await signUp(server.url, "Lan");
  // So much that a part of the copy is stored before its writer comes to what is held.
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    const conversation = crypto.randomUUID();
    await tx`insert into app.conversation_members values (${conversation}, ${lan.id}, 'member', 1, null)`;
    await tx`insert into app.messages
      select gen_random_uuid(), ${conversation}, n, n, ${lan.id}, gen_random_uuid(), repeat('x', 3000), now()
      from generate_series(1, 700) n`;
  });
  const place = `${server.url}/v1/account/exports`;
  const id = String((await call("POST", place, lan)).body["id"]);
  const stored = async () =>
    (
      await sql<{ no: number }[]>`
      select no from app.account_export_chunks where export_id = ${id} order by no`
    ).map(({ no }) => no);
  const lock = await sql.reserve();
  try {
    await lock.unsafe("begin; lock table app.audit_entries in access exclusive mode");
    const doomed = await cluster.start({ ROLE: "worker" });
    await until("a part of the copy", async () => (await stored()).length > 0, 20_000);
    await doomed.kill();
  } finally {
    await lock`rollback`;
    lock.release();
  }
  const [half] = await sql`select state, attempt from app.account_exports where id = ${id}`;
  expect(half?.["state"]).toBe("waiting");
  expect(half?.["attempt"]).not.toBeNull();
  expect((await call("GET", `${place}/${id}/document`, lan)).body["code"]).toBe("export_not_ready");

  await cluster.start({ ROLE: "worker" });
  await askAgain(id);
  const isReady = async () => (await call("GET", `${place}/${id}`, lan)).body["state"] === "ready";
  await until("the copy", isReady, 20_000);
  const { body } = await call("GET", `${place}/${id}/document`, lan);
  const tables = body["tables"] as Record<string, { seq: number }[]>;
  expect(new Set(tables["messages"]?.map(({ seq }) => seq)).size).toBe(700);
  expect(tables["messages"]).toHaveLength(700);
  const numbers = await stored();
  expect(numbers).toEqual(numbers.map((_, at) => at));
  expect(numbers.length).toBeGreaterThan(1);
}, 60_000);
