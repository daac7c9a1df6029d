import { afterAll, beforeAll, expect, test } from "bun:test";

import { createApp } from "../src/app.ts";
import { readConfig } from "../src/platform/config.ts";
import { ACCESS } from "../src/platform/http/access.ts";
import { listMailIds } from "../src/platform/mail/mailbox.ts";
import type { Platform } from "../src/platform/platform.ts";
import type { ReadinessCheck } from "../src/platform/readiness.ts";
import type { Gateway } from "../src/platform/realtime/gateway.ts";
import { createTokens, generateSigningKey } from "../src/platform/tokens.ts";
import { listClientFrames } from "../src/socket.ts";
import {
  compareRows,
  isRefusal,
  prepare,
  readTable,
  type Served,
} from "./support/access_matrix.ts";
import { type Stage, VISITORS } from "./support/access_rows.ts";
import { call, type Person, signIn, signUp } from "./support/client.ts";
import { written } from "./support/contract_lifecycle.ts";
import { silentLog } from "./support/database.ts";
import { type Cluster, type Instance, openCluster } from "./support/instance.ts";
import { mailTo } from "./support/mailbox.ts";
import { listChanges, takeSnapshot } from "./support/rows.ts";
import { confirmAddress } from "./support/totp.ts";

const rows = readTable();

let cluster: Cluster;
let server: Instance;
let stage: Stage;

beforeAll(async () => {
  const key = await generateSigningKey();
  cluster = await openCluster();
  const env = { JWT_KEYS: JSON.stringify([key]), LIMITS_SCALE: "1000000" };
  // A job that ends later would look like an effect of whatever is asked meanwhile, so its process goes before.
  server = await cluster.start({ ...env, ROLE: "api,socket,relay" });
  const worker = await cluster.start({ ...env, ROLE: "worker" });
  const { url } = server;
  const names = ["Stranger", "Member", "Owner", "Moderator", "Admin", "Silent", "Deputy"];
  const [stranger, member, owner, moderator, admin, silent, deputy] = (await Promise.all(
    names.map((name) => signUp(url, name)),
  )) as [Person, Person, Person, Person, Person, Person, Person];
  const yesterday = () => new Date(performance.timeOrigin - 86_400_000);
  const late = await signIn(url, owner);
  const { token } = await createTokens([key], yesterday).sign(claimsOf(late.token));
  await age(claimsOf(late.token).sessionId);
  const revoked = await signIn(url, owner);
  await call("POST", `${url}/v1/auth/logout`, { token: revoked.token });
  for (const person of [stranger, member, owner, moderator, admin])
    await confirmAddress(cluster.database, person);
  await promote(moderator, "moderator");
  await promote(admin, "admin");
  // Else the admin would be the last one, who may not go.
  await promote(deputy, "admin");
  await mailTo(cluster.dataDir, owner.email);
  const { id: exportId } = (await written(url, owner)).params;
  await worker.stop();
  const [mailId = ""] = await listMailIds(`${cluster.dataDir}/mailbox`);
  const people = {
    expired: { ...late, token },
    revoked,
    stranger,
    member,
    owner,
    moderator: await signIn(url, moderator),
    admin: await signIn(url, admin),
  };
  stage = { url, people, silent, mailId, exportId };
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function claimsOf(token: string): Record<"userId" | "sessionId", string> & { counter: number } {
  const payload = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
  const { sub, sid } = JSON.parse(payload) as Record<"sub" | "sid", string>;
  return { userId: sub, sessionId: sid, counter: 0 };
}

async function age(sessionId: string): Promise<void> {
  const { sql } = cluster.database;
  await sql`update app.sessions set expires_at = now() - interval '1 day' where id = ${sessionId}`;
}

/** As an operator would at the database, because nobody can promote themselves. */
async function promote({ id }: Person, role: string): Promise<void> {
  const { sql } = cluster.database;
  await sql`update app.accounts set role = ${role}, version = version + 1 where user_id = ${id}`;
}

/** Every route as it is served, and every frame that a client may send. */
async function listServed(): Promise<Served[]> {
  const platform = { config: await readConfig({}), log: silentLog } as Platform;
  const options = { readiness: {} as ReadinessCheck, gateway: {} as Gateway };
  const routes = createApp(platform, options)
    .routes.filter(({ method }) => method !== "OPTIONS")
    .map(({ method, path, hooks }) => {
      const { detail } = hooks as { detail: Record<string, unknown> };
      return { name: `${method} ${path}`, access: String(detail[ACCESS]) };
    });
  const frames = Object.keys(listClientFrames());
  return [...routes, ...frames.map((frame) => ({ name: `SOCKET ${frame}`, access: "signed_in" }))];
}

test("every route and every frame has its row, and no row is of another", async () => {
  expect(compareRows(rows, await listServed())).toEqual([]);
});

test.each(rows)(
  "$name: each visitor gets what the table says, and a refusal changes no row",
  async (row) => {
    const { sql } = cluster.database;
    const found: string[] = [];
    for (const visitor of VISITORS) {
      const wanted = row.cells[visitor];
      const knock = await prepare(stage, row, visitor);
      const before = isRefusal(wanted) ? await takeSnapshot(sql) : undefined;
      const got = await knock();
      if (got !== wanted) found.push(`${visitor} gets ${got}, not ${wanted}`);
      const changes = before ? listChanges(before, await takeSnapshot(sql)) : [];
      if (changes.length > 0) found.push(`${visitor} changes ${changes.join()}`);
    }
    expect(found).toEqual([]);
  },
);

test("a moderator and an admin really are what their columns say", async () => {
  const { moderator, admin, owner } = stage.people;
  const roles = [moderator, admin, owner].map(async ({ token }) => {
    const { body } = await call("GET", `${server.url}/v1/me`, { token });
    return body["role"];
  });
  expect(await Promise.all(roles)).toEqual(["moderator", "admin", "user"]);
});

test("a missing row, a stale row and a row that lets strangers in are noticed", () => {
  const served = rows.map(({ name, cells }): Served => {
    return {
      name,
      access: cells.expired === "old" && cells.revoked === "gone" ? "closed" : "open",
    };
  });
  expect(compareRows(rows, served)).toEqual([]);
  const more = [...served, { name: "GET /v1/secrets", access: "signed_in" }];
  expect(compareRows(rows, more)).toEqual(["GET /v1/secrets has 0 rows, and needs one"]);
  expect(compareRows(rows, served.slice(1))).toEqual([
    `${served[0]?.name} has a row and is not served`,
  ]);
  const lax = rows.map((row) =>
    row.name === "GET /v1/me" ? { ...row, cells: { ...row.cells, anonymous: "200" } } : row,
  );
  expect(compareRows(lax, served)).toEqual(["GET /v1/me is not open, so anonymous must get anon"]);
});

test("a changed value, a new row and a removed one are noticed, and what a session notes is not", async () => {
  const { sql } = cluster.database;
  const { id } = stage.silent;
  const changesOf = async (act: () => Promise<unknown>) => {
    const before = await takeSnapshot(sql);
    await act();
    return listChanges(before, await takeSnapshot(sql));
  };
  const other = crypto.randomUUID();
  expect(await changesOf(() => sql`select 1`)).toEqual([]);
  expect(await changesOf(() => sql`update app.sessions set last_seen_at = now()`)).toEqual([]);
  expect(
    await changesOf(() => sql`update app.users set display_name = 'X' where id = ${id}`),
  ).toEqual(["users"]);
  expect(await changesOf(() => sql`insert into app.users values (${other}, 'Y', now())`)).toEqual([
    "users",
  ]);
  expect(await changesOf(() => sql`delete from app.users where id = ${other}`)).toEqual(["users"]);
  expect(
    await changesOf(() => sql`insert into app.bus_outbox (id, channel) values (${other}, 'c')`),
  ).toEqual(["bus_outbox"]);
  expect(await changesOf(() => sql`delete from app.bus_outbox where id = ${other}`)).toEqual([]);
});
