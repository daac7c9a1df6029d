import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, PASSWORD, type Person, sessionOf, signIn, signUp } from "../../support/client.ts";
import { signUpAs } from "../../support/contract_staff.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";

interface Entry {
  id: string;
  action: string;
  actor: string;
  sessionId: string | null;
  details: { name: string; value: string }[];
  createdAt: string;
}
interface Page {
  items: Entry[];
  page: { nextCursor: string | null; limit: number };
}

let cluster: Cluster;
let server: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function read(token: string, query = "", path = "/v1/me/audit"): Promise<Page> {
  const answer = await call("GET", `${server.url}${path}${query}`, { token });
  expect(answer.status).toBe(200);
  return answer.body as unknown as Page;
}

async function listActions(token: string): Promise<string[]> {
  return (await read(token)).items.map(({ action }) => action);
}

/** Reuses a refresh token that was replaced twice, after the time in which that is forgiven. */
async function reuse({ id, refreshToken }: Person): Promise<void> {
  let newest = refreshToken;
  for (let turn = 0; turn < 2; turn += 1) {
    const body = { refreshToken: newest };
    const answer = await call("POST", `${server.url}/v1/auth/refresh`, { body });
    newest = String(answer.body["refreshToken"]);
  }
  await cluster.database.sql`
    update app.sessions set refreshed_at = refreshed_at - interval '1 hour' where user_id = ${id}`;
  const answer = await call("POST", `${server.url}/v1/auth/refresh`, { body: { refreshToken } });
  expect(String(answer.body["code"])).toBe("refresh_reused");
}

test("registering, signing in and out each leave one entry in one's own log, newest first", async () => {
  const lan = await signUp(server.url, "Lan");
  const phone = await signIn(server.url, lan);
  await call("POST", `${server.url}/v1/auth/logout`, { token: lan.token });
  // A second end of the same session is no event.
  await call("POST", `${server.url}/v1/auth/logout`, { token: lan.token });
  const { items } = await read(phone.token);
  expect(items.map(({ action, actor }) => `${action} by ${actor}`)).toEqual([
    "auth.logout by self",
    "auth.login by self",
    "auth.register by self",
  ]);
  const [logout, login, register] = items;
  expect(logout?.sessionId).toBe(register?.sessionId ?? "");
  expect(login?.sessionId).not.toBe(register?.sessionId ?? "");
});

test("ending a device, and all others, leaves an entry each, and ending none leaves none", async () => {
  const lan = await signUp(server.url, "Lan");
  const [phone] = [await signIn(server.url, lan), await signIn(server.url, lan)];
  const end = (place: string) =>
    call("DELETE", `${server.url}/v1/sessions${place}`, { token: lan.token });
  const id = sessionOf(phone.token);
  expect((await end(`/${id}`)).status).toBe(204);
  expect((await end(`/${id}`)).status).toBe(404);
  expect((await end("?scope=others")).status).toBe(204);
  expect((await end("?scope=others")).status).toBe(204);
  const { items } = await read(lan.token, "?limit=2");
  expect(items).toMatchObject([
    { action: "auth.sessions_ended", sessionId: sessionOf(lan.token) },
    { action: "auth.session_ended", sessionId: id },
  ]);
  expect(await listActions(lan.token)).toHaveLength(5);
});

test("a refused login and a refused registration leave no entry", async () => {
  const lan = await signUp(server.url, "Lan");
  const wrong = { email: lan.email, password: `${PASSWORD}!` };
  expect((await call("POST", `${server.url}/v1/auth/login`, { body: wrong })).status).toBe(401);
  const again = { ...wrong, displayName: "Lan" };
  expect((await call("POST", `${server.url}/v1/auth/register`, { body: again })).status).toBe(409);
  expect(await listActions(lan.token)).toEqual(["auth.register"]);
});

test("reuse of a refresh token is in the log as nobody's act, with the session that it ended", async () => {
  const lan = await signUp(server.url, "Lan");
  await reuse(lan);
  const { token } = await signIn(server.url, lan);
  const { items } = await read(token);
  expect(items.map(({ action, actor }) => `${action} by ${actor}`)).toEqual([
    "auth.login by self",
    "auth.refresh_reused by system",
    "auth.register by self",
  ]);
  expect(items[1]?.sessionId).toBe(items[2]?.sessionId ?? "");
});

test("nobody reads the log of somebody else, and a cursor fits its own reader alone", async () => {
  const [lan, minh] = [await signUp(server.url, "Lan"), await signUp(server.url, "Minh")];
  await signIn(server.url, lan);
  const first = await read(lan.token, "?limit=1");
  const cursor = first.page.nextCursor ?? "";
  const stolen = await call("GET", `${server.url}/v1/me/audit?limit=1&cursor=${cursor}`, {
    token: minh.token,
  });
  expect([stolen.status, String(stolen.body["code"])]).toEqual([400, "invalid_cursor"]);
  expect(await listActions(minh.token)).toEqual(["auth.register"]);
  const path = `/v1/admin/users/${lan.id}/audit`;
  const refused = await call("GET", `${server.url}${path}`, { token: minh.token });
  expect(refused.status).toBe(404);
});

test("pages of one entry follow each other without a gap or a repetition, also within one moment", async () => {
  const lan = await signUp(server.url, "Lan");
  await Promise.all(Array.from({ length: 4 }, () => signIn(server.url, lan)));
  await cluster.database.sql`
    update app.audit_entries set created_at = '2026-11-23T02:15:00Z' where user_id = ${lan.id}`;
  const whole = (await read(lan.token)).items.map(({ id }) => id);
  const seen: string[] = [];
  let query = "?limit=1";
  for (let turn = 0; turn < whole.length; turn += 1) {
    const { items, page } = await read(lan.token, query);
    seen.push(...items.map(({ id }) => id));
    query = `?limit=1&cursor=${page.nextCursor}`;
    expect(page.nextCursor === null).toBe(turn === whole.length - 1);
  }
  expect([seen.length, seen]).toEqual([5, whole]);
});

test("an admin reads the same entries of a user, and the user does not learn which admin acted", async () => {
  const { sql } = cluster.database;
  const admin = await signUpAs("admin", { url: server.url, sql });
  const lan = await signUp(server.url, "Lan");
  await call("PATCH", `${server.url}/v1/admin/users/${lan.id}`, {
    token: admin.token,
    body: { tier: "premium" },
  });
  const own = await read(lan.token);
  expect(await read(admin.token, "", `/v1/admin/users/${lan.id}/audit`)).toEqual(own);
  expect(own.items[0]).toMatchObject({
    action: "admin.tier_changed",
    actor: "staff",
    sessionId: null,
    details: [
      { name: "from", value: "free" },
      { name: "to", value: "premium" },
    ],
  });
  expect(JSON.stringify(own)).not.toContain(admin.id);
});

test("what is noted holds no secret: no token, no password, no address of a mailbox", async () => {
  const lan = await signUp(server.url, "Lan");
  await reuse(lan);
  const rows = await cluster.database.sql`
    select e::text as entry from app.audit_entries e where e.user_id = ${lan.id}`;
  expect(rows.length).toBe(2);
  for (const { entry } of rows as unknown as { entry: string }[])
    for (const secret of [lan.email, PASSWORD, lan.token, lan.refreshToken])
      expect(entry).not.toContain(secret);
});
