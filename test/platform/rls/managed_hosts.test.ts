import { afterAll, expect, test } from "bun:test";

import { sql } from "drizzle-orm";

import { openDatabase } from "../../../src/platform/database.ts";
import { roleNames } from "../../../src/platform/roles.ts";
import { call, converse, signUp } from "../../support/client.ts";
import { connect } from "../../support/database.ts";
import { openCluster } from "../../support/instance.ts";
import { testServices } from "../../support/services.ts";

const server = new URL((await testServices()).databaseUrl);
const admin = connect(server);
const cluster = await openCluster();
const marks: string[] = [];

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  for (const mark of marks) {
    await admin.unsafe(`drop database if exists ${mark} with (force)`);
    for (const role of [...Object.values(roleNames(mark)), `${mark}_login`])
      await admin.unsafe(`drop role if exists ${role}`);
  }
  await admin.end();
});

/** An empty database as a host hands it out: its owner logs in with these rights and no more. */
async function openHosted(rights: string): Promise<{ url: URL; mark: string }> {
  const mark = `h${Bun.randomUUIDv7().replaceAll("-", "").slice(-12)}`;
  marks.push(mark);
  await admin.unsafe(`create role ${mark}_login login nosuperuser ${rights}`);
  await admin.unsafe(`create database ${mark} owner ${mark}_login`);
  const url = new URL(server);
  url.pathname = `/${mark}`;
  url.username = `${mark}_login`;
  return { url, mark };
}

/** Starts the product on that database, and lets two people write to each other. */
async function chatOn({ url, mark }: { url: URL; mark: string }): Promise<string> {
  const env = { DATABASE_URL: url.href, DB_ROLE_PREFIX: mark, REDIS_PREFIX: mark };
  await using instance = await cluster.start(env);
  const [lan, minh] = [await signUp(instance.url), await signUp(instance.url)];
  const id = await converse(instance.url, lan.token, { kind: "direct", userId: minh.id });
  const path = `${instance.url}/v1/conversations/${id}/messages`;
  const message = { clientId: crypto.randomUUID(), body: "hello" };
  const sent = await call("POST", path, { token: lan.token, body: message });
  expect(sent.status).toBe(201);
  const read = await call("GET", path, { token: minh.token });
  expect(read.body["items"]).toMatchObject([{ body: "hello", senderId: lan.id }]);
  const stranger = await signUp(instance.url);
  expect((await call("GET", path, { token: stranger.token })).status).toBe(404);
  return lan.id;
}

interface Sight {
  login: string;
  role: string;
  bound: boolean;
  accounts: number;
  bypasses: boolean;
}

/** What one user sees through the product's own transactions. */
async function seenBy(userId: string, { url, mark }: { url: URL; mark: string }): Promise<Sight> {
  const db = await openDatabase({ url, rolePrefix: mark, poolSize: 1 });
  try {
    const rows = await db.run({ role: "app", userId }, (tx) =>
      tx.execute<Sight & Record<string, unknown>>(sql`
        select session_user as login, current_user as role, row_security_active('app.accounts') as bound,
          (select count(*)::int from app.accounts) as accounts,
          (select rolbypassrls from pg_roles where rolname = session_user) as bypasses`),
    );
    const [row] = rows;
    if (!row) throw new Error("Cannot see anything");
    return { ...row };
  } finally {
    await db.close();
  }
}

test("a login that may only create roles runs the whole product in the database that it owns", async () => {
  const hosted = await openHosted("createrole nobypassrls");
  const userId = await chatOn(hosted);
  expect(await seenBy(userId, hosted)).toEqual({
    login: `${hosted.mark}_login`,
    role: `${hosted.mark}_app`,
    bound: true,
    accounts: 1,
    bypasses: false,
  });
});

test("under a login that bypasses policies the product starts, and its transactions are bound all the same", async () => {
  const hosted = await openHosted("createrole createdb bypassrls");
  const userId = await chatOn(hosted);
  expect(await seenBy(userId, hosted)).toEqual({
    login: `${hosted.mark}_login`,
    role: `${hosted.mark}_app`,
    bound: true,
    accounts: 1,
    bypasses: true,
  });
  // Even this login sees nothing of its own accord: it was granted our roles, and does not inherit from them.
  const login = connect(hosted.url);
  const looking = login`select count(*) from app.accounts`.catch((error: Error) => error.message);
  expect(await looking).toContain("permission denied");
  await login.end();
});

test("a login whose serving role could bypass policies does not start", async () => {
  const { url, mark } = await openHosted("createrole bypassrls");
  const env = { DATABASE_URL: url.href, DB_ROLE_PREFIX: mark, REDIS_PREFIX: mark };
  await (await cluster.start(env)).kill();
  await admin.unsafe(`alter role ${mark}_app bypassrls`);
  const refused = await cluster.start(env).catch((error: Error) => error.message);
  expect(refused).toContain(`role ${mark}_app could bypass row-level security`);
});
