import { afterAll, beforeAll, expect, test } from "bun:test";

import { createKeys } from "../../../src/platform/keys.ts";
import { openRedis } from "../../../src/platform/redis.ts";
import {
  call,
  converse,
  PASSWORD,
  type Person,
  sessionOf,
  signIn,
  signUp,
} from "../../support/client.ts";
import { silentLog } from "../../support/database.ts";
import { openStage, say } from "../../support/erasure_stage.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { makeDue, outcomeOf, scheduleDeletion, sweepAccounts } from "../../support/lifecycle.ts";
import { mailTo } from "../../support/mailbox.ts";
import { until } from "../../support/poll.ts";
import { untilIndexed } from "../../support/search_index.ts";
import { testServices } from "../../support/services.ts";
import { openSocket } from "../../support/socket.ts";

let cluster: Cluster;
let server: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function seesItself({ token }: Person): Promise<string> {
  return outcomeOf(await call("GET", `${server.url}/v1/me`, { token }));
}

/** Columns that are noted of a living session whenever it asks. */
const NOTED = ["last_seen_at", "seen_counter"];

/** Every row of every table, by its text; those that only pass through are left out. */
async function dump(): Promise<string[]> {
  const { sql } = cluster.database;
  const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'app'
      and tablename not in ('bus_outbox', 'job_outbox', 'job_outbox_head', 'account_tokens')`;
  const rows: string[] = [];
  for (const { name } of tables)
    for (const { row } of await sql<{ row: string }[]>`
      select (to_jsonb(t) - ${NOTED}::text[])::text as row from ${sql(`app.${name}`)} t`)
      rows.push(`${name} ${row}`);
  return rows;
}

/** In how many rows of each table a user is named in any way. */
async function traces(text: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const row of (await dump()).filter((line) => line.includes(text))) {
    const table = row.slice(0, row.indexOf(" "));
    counts[table] = (counts[table] ?? 0) + 1;
  }
  return counts;
}

test("after the grace everything of the user goes, others' rows stay as they were, and the address is free", async () => {
  const { sql } = cluster.database;
  const { lan, minh, hoa, alone, group, direct, theirs } = await openStage(
    server.url,
    cluster.database,
  );
  await scheduleDeletion(server.url, lan);
  await sweepAccounts(sql);
  expect(await seesItself(lan)).toBe("200");
  await untilIndexed(sql);
  const before = await dump();
  const socket = await openSocket(server.url, lan.token);
  await makeDue(sql, lan);
  await sweepAccounts(sql);

  expect((await socket.closed).code).toBe(4401);
  await until("the end of the session", async () => (await seesItself(lan)) !== "200");
  expect(await seesItself(lan)).toBe("401 session_revoked");
  const refreshed = await call("POST", `${server.url}/v1/auth/refresh`, {
    body: { refreshToken: lan.refreshToken },
  });
  expect(refreshed.status).toBe(401);
  expect(await traces(lan.email)).toEqual({});
  const left = await traces(lan.id);
  expect(Object.keys(left).toSorted()).toEqual([
    "audit_entries",
    "conversation_events",
    "conversation_members",
    "conversations",
    "messages",
    "users",
  ]);
  const [tombstone] = await sql`select display_name, erased_at from app.users where id = ${lan.id}`;
  expect(tombstone?.["display_name"]).toBe("");
  expect(tombstone?.["erased_at"]).toBeInstanceOf(Date);

  // Nothing that is not about Lan has changed, but for the conversations that she has left.
  const shared = [lan.id, alone, group, direct];
  const others = (rows: string[]) =>
    rows.filter((row) => !shared.some((id) => row.includes(id))).toSorted();
  expect(others(await dump())).toEqual(others(before));
  const said = (rows: string[]) =>
    rows.filter((row) => row.startsWith("messages ") && !row.includes(alone)).toSorted();
  expect(said(await dump())).toEqual(said(before));
  expect(await traces("a thought of mine")).toEqual({});
  expect(await traces(theirs)).not.toEqual({});

  // The others go on: the group has another owner, who may do what an owner does.
  const messages = await call("GET", `${server.url}/v1/conversations/${group}/messages`, minh);
  const items = messages.body["items"] as { senderId: string; body: string }[];
  expect(items.map(({ senderId, body }) => [senderId, body])).toEqual([
    [minh.id, "hello Lan"],
    [lan.id, "hello all"],
  ]);
  const owners = await sql<{ user_id: string }[]>`
    select user_id from app.conversation_members
    where conversation_id = ${group} and role = 'owner' and left_seq is null`;
  expect(owners).toHaveLength(1);
  const owner = owners[0]?.user_id === minh.id ? minh : hoa;
  const newcomer = await signUp(server.url, "New");
  const join = `${server.url}/v1/conversations/${group}/members/${newcomer.id}`;
  expect((await call("PUT", join, { token: owner.token })).status).toBe(204);
  await say({ ...server, token: minh.token }, direct, "are you gone?");
  const again = { kind: "direct", userId: lan.id };
  const opened = await call("POST", `${server.url}/v1/conversations`, {
    token: hoa.token,
    body: again,
  });
  expect(outcomeOf(opened)).toBe("404 not_found");

  await until("the last mail", async () => {
    const mails = await mailTo(cluster.dataDir, lan.email);
    return mails.some(({ subject }) => /đã bị xóa|has been erased/.test(subject ?? ""));
  });
  const login = { email: lan.email, password: PASSWORD };
  expect(outcomeOf(await call("POST", `${server.url}/v1/auth/login`, { body: login }))).toBe(
    "401 invalid_credentials",
  );
  const body = { ...login, displayName: "Somebody else", transport: "body" };
  const fresh = await call("POST", `${server.url}/v1/auth/register`, { body });
  expect(fresh.status).toBe(201);
  expect((fresh.body["user"] as { id: string }).id).not.toBe(lan.id);
  // What was before is none of the new one's.
  const token = String(fresh.body["accessToken"]);
  const list = await call("GET", `${server.url}/v1/conversations`, { token });
  expect(list.body["items"]).toEqual([]);
});

test("what Redis keeps of the user is gone as well", async () => {
  const { sql } = cluster.database;
  const lan = await signUp(server.url, "Lan");
  const phone = await signIn(server.url, lan);
  await scheduleDeletion(server.url, phone);
  expect(await seesItself(phone)).toBe("200");
  const url = new URL((await testServices()).redisUrl);
  const redis = await openRedis({ url, log: silentLog, name: "test" });
  try {
    const keys = createKeys(cluster.redisPrefix);
    const digest = (subject: string) =>
      new Bun.CryptoHasher("sha256").update(subject).digest("base64url").slice(0, 22);
    const known = keys.throttle("login", "known", digest(lan.email));
    const counts = [
      keys.throttle("login", "account", digest(lan.email)),
      keys.throttle("mail", "mailbox", digest(lan.email)),
      keys.throttle("own_mail", "mailbox", digest(lan.email)),
      keys.throttle("own_mail", "user", digest(lan.id)),
      keys.throttle("deletion", "user", digest(lan.id)),
      keys.throttle("password", "account", digest(lan.id)),
      keys.throttle("notice", "deletion", digest(lan.id)),
    ];
    expect(await redis.client.exists(known)).toBe(1);
    // With the limits of a test, nothing is counted for long.
    for (const count of counts) await redis.client.hSet(count, "level", "9");
    const copy = keys.session(lan.id, sessionOf(phone.token));
    expect(await redis.client.get(copy)).toContain(lan.email);
    await makeDue(sql, lan);
    await sweepAccounts(sql);
    const counted = [known, ...counts];
    await until("the counts to go", async () => (await redis.client.exists(counted)) === 0);
    await until("the tombstone", async () => (await redis.client.get(copy)) === "revoked");
    for (const key of await redis.client.keys(`${cluster.redisPrefix}:{${lan.id}}*`))
      expect(await redis.client.get(key)).toBe("revoked");
  } finally {
    await redis.close();
  }
});

test("a conversation goes with the last of its people, and no sooner", async () => {
  const { sql } = cluster.database;
  const [lan, minh] = [await signUp(server.url, "Lan"), await signUp(server.url, "Minh")];
  const direct = await converse(server.url, lan.token, { kind: "direct", userId: minh.id });
  await say({ ...server, token: lan.token }, direct, "between us");
  await say({ ...server, token: minh.token }, direct, "only us");
  for (const [person, messages] of [
    [lan, 2],
    [minh, 0],
  ] as const) {
    await scheduleDeletion(server.url, person);
    await makeDue(sql, person);
    await sweepAccounts(sql);
    expect(await sql`select 1 from app.messages where conversation_id = ${direct}`).toHaveLength(
      messages,
    );
  }
  expect(await sql`select 1 from app.conversations where id = ${direct}`).toHaveLength(0);
});
