import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Answer, call, PASSWORD, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { mailTo } from "../../support/mailbox.ts";
import { until } from "../../support/poll.ts";
import { confirmAddress } from "../../support/totp.ts";

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function refresh(refreshToken: string, url = first.url): Promise<Answer> {
  return await call("POST", `${url}/v1/auth/refresh`, { body: { refreshToken } });
}

async function rotate(refreshToken: string): Promise<string> {
  const answer = await refresh(refreshToken);
  expect(answer.status).toBe(200);
  return String(answer.body["refreshToken"]);
}

function expectRefused(answer: Answer, code: string): void {
  expect([answer.status, String(answer.body["code"])]).toEqual([401, code]);
  expect(answer.headers.get("set-cookie")).toBeNull();
  expect(answer.headers.get("www-authenticate")).toStartWith("Bearer");
}

/** As if this much time had passed since the last refresh. */
async function wait(person: Person, seconds: number): Promise<void> {
  await cluster.database.sql`
    update app.sessions set refreshed_at = refreshed_at - make_interval(secs => ${seconds})
    where user_id = ${person.id}`;
}

async function counterOf({ id }: Person): Promise<number> {
  const { sql } = cluster.database;
  const [row] = await sql`select refresh_counter as n from app.sessions where user_id = ${id}`;
  return Number(row?.["n"]);
}

test("a refresh hands out the next refresh token and a new access token", async () => {
  const lan = await signUp(first.url);
  const answer = await refresh(lan.refreshToken);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("set-cookie")).toBeNull();
  const next = String(answer.body["refreshToken"]);
  expect(next).toStartWith("frt1_");
  expect(next).not.toBe(lan.refreshToken);
  const token = String(answer.body["accessToken"]);
  const me = await call("GET", `${second.url}/v1/me`, { token });
  expect([me.status, String(me.body["id"])]).toEqual([200, lan.id]);
  expect((await refresh(next, second.url)).status).toBe(200);
  expect(await counterOf(lan)).toBe(2);
});

test("50 simultaneous refreshes on two instances make one step and get identical tokens", async () => {
  const lan = await signUp(first.url);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      refresh(lan.refreshToken, index % 2 === 0 ? first.url : second.url),
    ),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const tokens = new Set(answers.map(({ body }) => String(body["refreshToken"])));
  expect(tokens.size).toBe(1);
  expect(await counterOf(lan)).toBe(1);
  const [next = ""] = tokens;
  expect((await refresh(next)).status).toBe(200);
});

test("a token that is two rotations old is refused within the grace, and ends the session after it", async () => {
  const lan = await signUp(first.url);
  const newest = await rotate(await rotate(lan.refreshToken));
  expectRefused(await refresh(lan.refreshToken), "refresh_superseded");
  await wait(lan, 11);
  expectRefused(await refresh(lan.refreshToken), "refresh_reused");
  for (const { url } of [first, second]) {
    expectRefused(await refresh(newest, url), "session_revoked");
    const me = await call("GET", `${url}/v1/me`, { token: lan.token });
    expect([me.status, String(me.body["code"])]).toEqual([401, "session_revoked"]);
  }
});

test("a lost answer may be asked for again days later, as long as nothing of it was used", async () => {
  const lan = await signUp(first.url);
  const newest = await rotate(lan.refreshToken);
  await wait(lan, 3 * 86_400);
  const again = await refresh(lan.refreshToken, second.url);
  expect([again.status, String(again.body["refreshToken"])]).toEqual([200, newest]);
  expect(await counterOf(lan)).toBe(1);
  expect(await rotate(newest)).not.toBe(newest);
});

test("once an access token of the answer was used, the token before it is reuse", async () => {
  const lan = await signUp(first.url);
  const answer = await refresh(lan.refreshToken);
  const token = String(answer.body["accessToken"]);
  expect((await call("GET", `${second.url}/v1/me`, { token })).status).toBe(200);
  await wait(lan, 11);
  expectRefused(await refresh(lan.refreshToken), "refresh_reused");
  expectRefused(await refresh(String(answer.body["refreshToken"])), "session_revoked");
  const me = await call("GET", `${second.url}/v1/me`, { token });
  expect([me.status, String(me.body["code"])]).toEqual([401, "session_revoked"]);
});

test("the owner is told by mail of a session that ended by reuse, in their language and once", async () => {
  const lan = await signUp(first.url);
  await confirmAddress(cluster.database, lan);
  await rotate(await rotate(lan.refreshToken));
  await wait(lan, 11);
  for (let time = 0; time < 3; time += 1) await refresh(lan.refreshToken);
  await until("the mail", async () => {
    const mails = await mailTo(cluster.dataDir, lan.email);
    return mails.some(({ subject }) => subject?.includes("đăng xuất"));
  });
  await until("an empty job outbox", async () => {
    const rows = await cluster.database.sql`select 1 from app.job_outbox`;
    return rows.length === 0;
  });
  const mails = await mailTo(cluster.dataDir, lan.email);
  expect(mails.filter(({ subject }) => subject?.includes("đăng xuất"))).toHaveLength(1);
});

test("a token that is ahead of a database put back to an older state is honoured, and moves it on", async () => {
  const lan = await signUp(first.url);
  const ahead = await rotate(await rotate(await rotate(lan.refreshToken)));
  await cluster.database.sql`
    update app.sessions set refresh_counter = 1, seen_counter = 0 where user_id = ${lan.id}`;
  await rotate(ahead);
  expect(await counterOf(lan)).toBe(4);
});

test("reuse in one session leaves the user's other sessions alone", async () => {
  const lan = await signUp(first.url);
  const other = await call("POST", `${first.url}/v1/auth/login`, {
    body: { email: lan.email, password: PASSWORD, transport: "body" },
  });
  await rotate(await rotate(lan.refreshToken));
  await wait(lan, 11);
  expectRefused(await refresh(lan.refreshToken), "refresh_reused");
  expect((await refresh(String(other.body["refreshToken"]))).status).toBe(200);
});

test.each([
  ["unused for more than 14 days", "refreshed_at = refreshed_at - interval '14 days 1 minute'"],
  ["past its end", "expires_at = now() - interval '1 second'"],
])("a session that is %s cannot be refreshed", async (_what, change) => {
  const lan = await signUp(first.url);
  const { sql } = cluster.database;
  await sql.unsafe(`update app.sessions set ${change} where user_id = $1`, [lan.id]);
  expectRefused(await refresh(lan.refreshToken), "session_revoked");
});

test("a cookie is refreshed for our own page with its header alone", async () => {
  const lan = await signUp(first.url);
  const login = await call("POST", `${first.url}/v1/auth/login`, {
    body: { email: lan.email, password: PASSWORD },
  });
  const cookie = cookieOf(login);
  const own = { "x-frm-csrf": "1", origin: first.url };
  const foreign: Record<string, string>[] = [
    {},
    { "x-frm-csrf": "1" },
    { origin: first.url },
    { "x-frm-csrf": "1", origin: "https://evil.example" },
    { "x-frm-csrf": "1", origin: "null" },
    { "x-frm-csrf": "1", "sec-fetch-site": "cross-site" },
    { "x-frm-csrf": "1", "sec-fetch-site": "same-site" },
    { "x-frm-csrf": "true", origin: first.url },
  ];
  for (const headers of foreign) {
    const refused = await cookieRefresh({ ...headers, cookie });
    expect([headers, refused.status, String(refused.body["code"])]).toEqual([
      headers,
      403,
      "csrf_rejected",
    ]);
    expect(refused.headers.get("set-cookie")).toBeNull();
  }
  const good = await cookieRefresh({ ...own, cookie });
  expect(good.status).toBe(200);
  expect(Object.keys(good.body)).not.toContain("refreshToken");
  expect(good.headers.get("set-cookie")).toContain("HttpOnly");
  const next = cookieOf(good);
  expect(next).not.toBe(cookie);
  const fetched = await cookieRefresh({
    "x-frm-csrf": "1",
    "sec-fetch-site": "same-origin",
    cookie: next,
  });
  expect(fetched.status).toBe(200);
});

async function cookieRefresh(headers: Record<string, string>): Promise<Answer> {
  return await call("POST", `${first.url}/v1/auth/refresh`, { headers });
}

function cookieOf(answer: Answer): string {
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

test("a refresh without any token answers 401", async () => {
  expectRefused(await call("POST", `${first.url}/v1/auth/refresh`), "unauthenticated");
  const empty = await call("POST", `${first.url}/v1/auth/refresh`, { body: {} });
  expectRefused(empty, "unauthenticated");
});

test("a token with any bit flipped, cut or foreign answers 401 and harms nobody", async () => {
  const [lan, minh] = [await signUp(first.url), await signUp(first.url)];
  const bytes = Buffer.from(lan.refreshToken.slice(5), "base64url");
  const bits = Array.from({ length: bytes.length }, (_, at) => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8));
    return `frt1_${copy.toString("base64url")}`;
  });
  const owner = Buffer.from(minh.refreshToken.slice(5), "base64url");
  const mixed = Buffer.concat([owner.subarray(0, 16), bytes.subarray(16)]).toString("base64url");
  const bad = [
    ...bits,
    `frt1_${mixed}`,
    "frt1_",
    "frt1_%00",
    `${lan.refreshToken}A`,
    `${lan.refreshToken}=`,
    lan.refreshToken.slice(0, -1),
    lan.refreshToken.slice(5),
    lan.token.slice(0, 256),
    "không",
  ];
  const answers = await Promise.all(bad.map((token) => refresh(token)));
  for (const answer of answers) expectRefused(answer, "token_invalid");
  expect(await counterOf(lan)).toBe(0);
  expect((await refresh(lan.refreshToken)).status).toBe(200);
  expect((await refresh(minh.refreshToken)).status).toBe(200);
});
