import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, PASSWORD, type Person, sessionOf, signIn, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { mailTo } from "../../support/mailbox.ts";
import { linkTo } from "../../support/mailed_links.ts";
import { until } from "../../support/poll.ts";
import { openSocket } from "../../support/socket.ts";
import { codeOf, confirmAddress, enableApp } from "../../support/totp.ts";

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

const NEW_PASSWORD = "eight silver rivers";
const NOTICE = /^(?:Mật khẩu của bạn đã được đổi|Your password was changed)$/;

async function change(
  { token }: Person,
  body: { currentPassword: string; newPassword: string },
  url = first.url,
): Promise<string> {
  const answer = await call("PUT", `${url}/v1/account/password`, { token, body });
  return answer.status === 204 ? "204" : `${answer.status} ${String(answer.body["code"])}`;
}

async function logIn(email: string, password: string): Promise<number> {
  const body = { email, password, transport: "body" };
  return (await call("POST", `${first.url}/v1/auth/login`, { body })).status;
}

async function statusOf({ token }: Person, url: string): Promise<number> {
  return (await call("GET", `${url}/v1/me`, { token })).status;
}

test("a change ends every other session with its sockets, keeps the one that asks, and tells the owner", async () => {
  const lan = await signUp(first.url);
  await confirmAddress(cluster.database, lan);
  const phone = await signIn(second.url, lan);
  const [mine, other] = [
    await openSocket(first.url, lan.token),
    await openSocket(second.url, phone.token),
  ];
  const body = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
  expect(await change(lan, body)).toBe("204");
  expect((await other.closed).code).toBe(4401);
  mine.send({ t: "hb", i: 2 });
  await mine.next((frame) => frame.t === "hb.ok", "hb.ok");
  expect(await statusOf(lan, first.url)).toBe(200);
  expect(await statusOf(phone, second.url)).toBe(401);
  expect(await logIn(lan.email, PASSWORD)).toBe(401);
  expect(await logIn(lan.email, NEW_PASSWORD)).toBe(200);
  await until("the notice", async () => {
    const mails = await mailTo(cluster.dataDir, lan.email);
    return mails.some(({ subject }) => NOTICE.test(subject ?? ""));
  });
  const { body: audit } = await call("GET", `${first.url}/v1/me/audit`, { token: lan.token });
  const actions = (audit["items"] as { action: string }[]).map(({ action }) => action);
  expect(actions).toContain("account.password_changed");
});

test("without the present password, or with one that is guessed soon, nothing changes", async () => {
  const lan = await signUp(first.url);
  const phone = await signIn(second.url, lan);
  const wrong = { currentPassword: `${PASSWORD}!`, newPassword: NEW_PASSWORD };
  expect(await change(lan, wrong)).toBe("401 invalid_credentials");
  // What is refused anyway costs no hash, so it does not tell whether the present one was right.
  const both = { currentPassword: `${PASSWORD}!`, newPassword: "password1" };
  expect(await change(lan, both)).toBe("422 validation_failed");
  const weak = { currentPassword: PASSWORD, newPassword: "password1" };
  const answer = await call("PUT", `${first.url}/v1/account/password`, {
    token: lan.token,
    body: weak,
  });
  expect(answer.status).toBe(422);
  expect(answer.body["errors"] as unknown as object[]).toMatchObject([{ pointer: "/newPassword" }]);
  expect(await logIn(lan.email, PASSWORD)).toBe(200);
  expect(await statusOf(phone, second.url)).toBe(200);
});

test("characters of any kind are counted as at the registration, in what is shown and in what is new", async () => {
  const emoji = Array.from({ length: 129 }, (_, at) => String.fromCodePoint(0x1f300 + at * 3));
  const lan = await signUp(first.url);
  const to = (from: string, count: number) =>
    change(lan, { currentPassword: from, newPassword: emoji.slice(0, count).join("") });
  expect(await to(PASSWORD, 7)).toBe("422 validation_failed");
  expect(await to(PASSWORD, 129)).toBe("422 validation_failed");
  expect(await to(PASSWORD, 128)).toBe("204");
  expect(await to(emoji.slice(0, 128).join(""), 8)).toBe("204");
  expect(await logIn(lan.email, emoji.slice(0, 8).join(""))).toBe(200);
});

test("where there is a second factor, the present password alone changes nothing", async () => {
  const lan = await signUp(first.url);
  const app = await enableApp(first.url, lan, cluster.database);
  const { sql } = cluster.database;
  const body = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
  await sql`update app.sessions set authenticated_at = now() - interval '11 minutes'
    where id = ${sessionOf(lan.token)}`;
  const late = await change(lan, body);
  await sql`update app.sessions set authenticated_at = now(), methods = '{password}'
    where id = ${sessionOf(lan.token)}`;
  const half = await change(lan, body, second.url);
  // Neither tells whether the password was right.
  const wrong = await change(lan, { ...body, currentPassword: "another one" });
  expect([late, half, wrong]).toEqual(Array(3).fill("403 reauthentication_required"));
  const login = { email: lan.email, password: PASSWORD, code: codeOf(app, 1) };
  expect((await call("POST", `${second.url}/v1/auth/login`, { body: login })).status).toBe(200);
  const proof = { password: PASSWORD, code: app.recoveryCodes[0] };
  const { token } = lan;
  await call("POST", `${second.url}/v1/auth/reauthenticate`, { token, body: proof });
  expect(await change(lan, body)).toBe("204");
});

test("of as many changes at once as there may be one wins, and the others find the password changed", async () => {
  const lan = await signUp(first.url);
  const passwords = Array.from({ length: 4 }, (_, index) => `${NEW_PASSWORD} ${index}`);
  const answers = await Promise.all(
    passwords.map((newPassword, index) =>
      change(lan, { currentPassword: PASSWORD, newPassword }, index % 2 ? first.url : second.url),
    ),
  );
  const won = passwords.filter((_, index) => answers[index] === "204");
  expect(won).toHaveLength(1);
  expect(answers.filter((answer) => answer === "401 invalid_credentials")).toHaveLength(3);
  expect(await logIn(lan.email, won[0] ?? "")).toBe(200);
});

test("a change takes back links to a new password and wishes for another address", async () => {
  const lan = await signUp(first.url);
  const { token, email } = lan;
  const wish = { email: `other.${email}` };
  expect((await call("POST", `${first.url}/v1/account/email`, { token, body: wish })).status).toBe(
    202,
  );
  await call("POST", `${first.url}/v1/account/password/forgotten`, { body: { email } });
  const reset = await linkTo(cluster.dataDir, email, /mật khẩu mới|new password/);
  const allow = await linkTo(cluster.dataDir, email, /đổi địa chỉ|address change/);
  const body = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
  expect(await change(lan, body)).toBe("204");
  const used = await Promise.all([
    call("POST", `${first.url}/v1/account/password/reset`, {
      body: { token: reset, password: "nine golden bridges" },
    }),
    call("POST", `${first.url}/v1/account/email/confirm`, { body: { token: allow } }),
  ]);
  expect(used.map(({ body: problem }) => String(problem["code"]))).toEqual([
    "link_invalid",
    "link_invalid",
  ]);
});

test("whoever holds a session cannot try passwords without end", async () => {
  const strict = await cluster.start({ LIMITS_SCALE: "1" });
  const lan = await signUp(first.url);
  const wrong = { currentPassword: "another one", newPassword: NEW_PASSWORD };
  const answers: string[] = [];
  for (let turn = 0; turn < 12; turn += 1) answers.push(await change(lan, wrong, strict.url));
  expect(answers.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => "401 invalid_credentials"));
  expect(answers.at(-1)).toBe("429 too_many_attempts");
});
