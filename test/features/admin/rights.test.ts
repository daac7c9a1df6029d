import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Answer, call, PASSWORD, type Person, signIn, signUp } from "../../support/client.ts";
import { signUpAs } from "../../support/contract_staff.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openSocket } from "../../support/socket.ts";

const SOCKET_LIMIT_MS = 1_000;
const SESSION_ENDED = 4401;
const COME_BACK = 4000;

let cluster: Cluster;
let first: Instance;
let second: Instance;
let admin: Person;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
  admin = await signUpAs("admin", { url: first.url, sql: cluster.database.sql });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function change(person: Person, patch: object, { token } = admin): Promise<Answer> {
  return call("PATCH", `${first.url}/v1/admin/users/${person.id}`, { token, body: patch });
}

/** What each instance says of the session, in the order of the instances. */
async function meAt(token: string): Promise<string[]> {
  const answers = [first, second].map(async ({ url }) => {
    const { status, body } = await call("GET", `${url}/v1/me`, { token });
    return status === 200
      ? `${String(body["role"])} ${String(body["tier"])}`
      : String(body["code"]);
  });
  return await Promise.all(answers);
}

async function openBoth(token: string) {
  return await Promise.all([first, second].map(({ url }) => openSocket(url, token)));
}

async function closesOf(sockets: Awaited<ReturnType<typeof openBoth>>): Promise<number[]> {
  const closes = await Promise.all(sockets.map(({ closed }) => closed));
  return closes.map(({ code }) => code);
}

test("a new role and tier count on both instances from the next request on, in every session", async () => {
  const lan = await signUp(first.url, "Lan");
  const phone = await signIn(second.url, lan);
  for (const { token } of [lan, phone])
    expect(await meAt(token)).toEqual(["user free", "user free"]);
  const answer = await change(lan, { role: "moderator", tier: "premium" });
  expect([answer.status, answer.body["role"], answer.body["tier"]]).toEqual([
    200,
    "moderator",
    "premium",
  ] as never);
  for (const { token } of [lan, phone])
    expect(await meAt(token)).toEqual(["moderator premium", "moderator premium"]);
  await change(lan, { role: "user" });
  expect(await meAt(phone.token)).toEqual(["user premium", "user premium"]);
});

test("what a role opens is open, and what its loss shuts is shut, at the next request", async () => {
  const lan = await signUp(first.url, "Lan");
  const look = async () => {
    const answers = [first, second].map(({ url }) =>
      call("GET", `${url}/v1/admin/users?limit=1`, { token: lan.token }),
    );
    return (await Promise.all(answers)).map(({ status }) => status);
  };
  expect(await look()).toEqual([404, 404]);
  await change(lan, { role: "admin" });
  expect(await look()).toEqual([200, 200]);
  await change(lan, { role: "user" });
  expect(await look()).toEqual([404, 404]);
});

test("after a change of rights the sockets on both instances close within a second, to come back", async () => {
  const [lan, minh] = [await signUp(first.url, "Lan"), await signUp(first.url, "Minh")];
  const sockets = await openBoth(lan.token);
  const kept = await openSocket(second.url, minh.token);
  await change(lan, { tier: "enterprise" });
  const from = performance.now();
  expect(await closesOf(sockets)).toEqual([COME_BACK, COME_BACK]);
  expect(performance.now() - from).toBeLessThan(SOCKET_LIMIT_MS);
  for (const socket of await openBoth(lan.token)) socket.close();
  kept.send({ t: "hb", i: 9 });
  await kept.next((frame) => frame.t === "hb.ok" && frame.i === 9);
});

test("a ban closes the sockets of every session on both instances within a second, and refuses their next requests", async () => {
  const lan = await signUp(first.url, "Lan");
  const phone = await signIn(second.url, lan);
  for (const { token } of [lan, phone]) await meAt(token);
  const sockets = [...(await openBoth(lan.token)), ...(await openBoth(phone.token))];
  expect((await change(lan, { banned: true })).status).toBe(200);
  const from = performance.now();
  expect(await closesOf(sockets)).toEqual(Array.from({ length: 4 }, () => SESSION_ENDED));
  expect(performance.now() - from).toBeLessThan(SOCKET_LIMIT_MS);
  for (const { token } of [lan, phone])
    expect(await meAt(token)).toEqual(["session_revoked", "session_revoked"]);
  for (const { refreshToken } of [lan, phone]) {
    const refused = await call("POST", `${second.url}/v1/auth/refresh`, { body: { refreshToken } });
    expect([refused.status, String(refused.body["code"])]).toEqual([401, "session_revoked"]);
  }
});

test("only whoever knows the password learns of a ban, and after the ban the old sessions stay ended", async () => {
  const lan = await signUp(first.url, "Lan");
  await change(lan, { banned: true });
  const login = async (password: string) => {
    const body = { email: lan.email, password, transport: "body" };
    const answer = await call("POST", `${second.url}/v1/auth/login`, { body });
    return [answer.status, answer.status === 200 ? "" : String(answer.body["code"])];
  };
  expect(await login(`${PASSWORD}!`)).toEqual([401, "invalid_credentials"]);
  expect(await login(PASSWORD)).toEqual([403, "account_banned"]);
  const again = await change(lan, { banned: false });
  expect([again.status, again.body["bannedAt"]]).toEqual([200, null] as never);
  expect(await meAt(lan.token)).toEqual(["session_revoked", "session_revoked"]);
  expect(await login(PASSWORD)).toEqual([200, ""]);
});

test("a login that was on its way while the ban was set opens nothing", async () => {
  const lan = await signUp(first.url, "Lan");
  // As if the ban had been committed after the login had looked and before it wrote its session.
  const { token, refreshToken } = await signIn(first.url, lan);
  await cluster.database.sql`
    update app.accounts set banned_at = now(), version = version + 1 where user_id = ${lan.id}`;
  expect(await meAt(token)).toEqual(["session_revoked", "session_revoked"]);
  const again = await call("POST", `${first.url}/v1/auth/refresh`, { body: { refreshToken } });
  expect([again.status, String(again.body["code"])]).toEqual([401, "session_revoked"]);
});

test("a change that changes nothing closes no socket, raises no version and leaves no entry but that of a look", async () => {
  const lan = await signUp(first.url, "Lan");
  const socket = await openSocket(first.url, lan.token);
  const state = async () => {
    const [row] = await cluster.database.sql`
      select version, (select count(*)::int from app.audit_entries
        where user_id = ${lan.id} and action <> 'admin.user_viewed') as n
      from app.accounts where user_id = ${lan.id}`;
    return { ...row };
  };
  const before = await state();
  for (const patch of [{}, { role: "user" }, { tier: "free", banned: false }])
    expect((await change(lan, patch)).status).toBe(200);
  expect(await state()).toEqual(before);
  socket.send({ t: "hb", i: 9 });
  await socket.next((frame) => frame.t === "hb.ok" && frame.i === 9);
});
