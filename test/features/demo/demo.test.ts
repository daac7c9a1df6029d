import { afterAll, beforeAll, expect, test } from "bun:test";

import { DEMO_PASSWORD, DEMO_USERS } from "../../../src/features/demo/mod.ts";
import { generateSigningKey } from "../../../src/platform/tokens.ts";
import { call } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";

let cluster: Cluster;
let instance: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  instance = await cluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function login(url: string, email: string): Promise<string> {
  const answer = await call("POST", `${url}/v1/auth/login`, {
    body: { email, password: DEMO_PASSWORD, transport: "body" },
  });
  expect(answer.status).toBe(200);
  return String(answer.body["accessToken"]);
}

async function everything({ sql }: Cluster["database"]): Promise<object> {
  const [row] = await sql`
    select (select json_agg(u order by u.id) from app.users u) as users,
           (select json_agg(a order by a.user_id) from app.accounts a) as accounts,
           (select json_agg(m order by m.id) from app.messages m) as messages,
           (select count(*)::int from app.conversations) as conversations`;
  return { ...row };
}

test("each login that the first start prints works and finds something to read", async () => {
  const printed = [DEMO_PASSWORD, ...DEMO_USERS.map(({ email }) => email)];
  await until("the logins in the log", async () =>
    printed.every((text) => instance.log().includes(text)),
  );
  for (const { email, displayName } of DEMO_USERS) {
    const token = await login(instance.url, email);
    const me = await call("GET", `${instance.url}/v1/me`, { token });
    expect(String(me.body["displayName"])).toBe(displayName);
    const list = await call("GET", `${instance.url}/v1/conversations`, { token });
    const [conversation] = list.body["items"] as unknown as { id: string }[];
    const path = `/v1/conversations/${conversation?.id ?? ""}/messages`;
    const messages = await call("GET", `${instance.url}${path}`, { token });
    expect(messages.body["items"] as unknown).toHaveLength(1);
  }
});

test("a second start changes nothing, and the logins go on working", async () => {
  const before = await everything(cluster.database);
  const second = await cluster.start();
  expect(await everything(cluster.database)).toEqual(before);
  for (const { email } of DEMO_USERS) await login(second.url, email);
});

test("three first starts at once make each demo account once", async () => {
  await using fresh = await openCluster();
  await Promise.all([fresh.start(), fresh.start(), fresh.start()]);
  const rows = await fresh.database.sql`select email from app.accounts order by email`;
  expect(rows.map(({ email }) => String(email))).toEqual(DEMO_USERS.map(({ email }) => email));
  const messages = await fresh.database.sql`select id from app.messages`;
  expect(messages).toHaveLength(1);
});

test("production makes no demo account and prints no login", async () => {
  await using fresh = await openCluster();
  const production = await fresh.start({
    NODE_ENV: "production",
    HOST: "127.0.0.1",
    PUBLIC_URL: "https://frm.example",
    JWT_KEYS: JSON.stringify([await generateSigningKey()]),
  });
  const ready = await call("GET", `${production.url}/health/ready`);
  expect(ready.status).toBe(200);
  expect(await fresh.database.sql`select id from app.users`).toHaveLength(0);
  await production.stop();
  expect(production.log()).not.toContain(DEMO_PASSWORD);
});
