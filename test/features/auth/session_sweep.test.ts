import { afterAll, beforeAll, expect, test } from "bun:test";

import { sweepSessions } from "../../../src/features/auth/service/session_sweep.ts";
import { type Database, openDatabase } from "../../../src/platform/database.ts";
import { call, sessionOf, signIn, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";

let cluster: Cluster;
let server: Instance;
let db: Database;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start();
  db = await openDatabase({ url: cluster.database.url, rolePrefix: "frm", poolSize: 1 });
});
afterAll(async () => {
  await db.close();
  await cluster[Symbol.asyncDispose]();
});

/** The sessions of a user that still have a row. */
async function rowsOf(userId: string): Promise<string[]> {
  const rows = await cluster.database.sql<{ id: string }[]>`
    select id from app.sessions where user_id = ${userId}`;
  return rows.map(({ id }) => id).toSorted();
}

/** Asks for what the schedule asks for every hour, and waits until it is done. */
async function sweep(): Promise<void> {
  const id = Bun.randomUUIDv7();
  const { sql } = cluster.database;
  await sql`insert into app.job_outbox (id, queue, kind, version, payload, max_attempts)
    values (${id}, 'default', 'auth.sweep_sessions', 1, '{}', 3)`;
  await until("the sweep", async () => {
    return (await sql`select 1 from app.job_outbox where id = ${id}`).length === 0;
  });
}

test("a session's row goes 30 days after its end and no sooner, and a living one never", async () => {
  const { sql } = cluster.database;
  const lan = await signUp(server.url);
  const sessions = await Promise.all(Array.from({ length: 4 }, () => signIn(server.url, lan)));
  const [ended, expired, recent, old] = sessions.map(({ token }) => sessionOf(token));
  await sql`update app.sessions set revoked_at = now() - interval '30 days 1 minute' where id = ${ended ?? ""}`;
  await sql`update app.sessions set expires_at = now() - interval '30 days 1 minute' where id = ${expired ?? ""}`;
  await sql`update app.sessions set revoked_at = now() - interval '29 days 23 hours' where id = ${recent ?? ""}`;
  // However old a session is, it is its end that counts.
  await sql`update app.sessions set created_at = now() - interval '89 days' where id = ${old ?? ""}`;
  await sweep();
  expect(await rowsOf(lan.id)).toEqual([sessionOf(lan.token), recent ?? "", old ?? ""].toSorted());
  for (const { token } of [lan, sessions[3] ?? lan])
    expect((await call("GET", `${server.url}/v1/me`, { token })).status).toBe(200);
  // A refresh token of what is gone is one that we do not know.
  const { refreshToken } = sessions[0] ?? lan;
  const late = await call("POST", `${server.url}/v1/auth/refresh`, { body: { refreshToken } });
  expect([late.status, String(late.body["code"])]).toEqual([401, "token_invalid"]);
  // Nor does the end of a session that is gone bring back or harm anything.
  const path = `${server.url}/v1/sessions/${ended}`;
  expect((await call("DELETE", path, { token: lan.token })).status).toBe(404);
});

test("more than one batch goes in one turn, and what is told to stop stops", async () => {
  const { sql } = cluster.database;
  const lan = await signUp(server.url);
  const grow = () => sql`
    insert into app.sessions (id, user_id, refresh_key, refreshed_at, created_at, expires_at, revoked_at)
    select gen_random_uuid(), ${lan.id}, 'key', now(), now(), now(), now() - interval '31 days'
    from generate_series(1, 2500)`;
  await grow();
  const stopped = sweepSessions({ db }, AbortSignal.abort(new Error("told to stop")));
  expect(await stopped.catch((error: Error) => error.message)).toBe("told to stop");
  expect(await rowsOf(lan.id)).toHaveLength(2_501);
  await sweepSessions({ db }, new AbortController().signal);
  expect(await rowsOf(lan.id)).toEqual([sessionOf(lan.token)]);
});
