import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, PASSWORD, type Person, sessionOf, signIn, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { listMails } from "../../support/mailbox.ts";
import { linkTo } from "../../support/mailed_links.ts";
import { until } from "../../support/poll.ts";
import { openSocket } from "../../support/socket.ts";
import {
  codeOf,
  confirmAddress,
  enableApp,
  forgetCodes,
  logInWith,
  setUpApp,
  wrongCodeOf,
} from "../../support/totp.ts";

const PATH = "/v1/account/totp";
const OFF = { isEnabled: false, enabledAt: null, recoveryCodesLeft: 0 };

let cluster: Cluster;
let one: Instance;
let two: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  one = await cluster.start({ LOG_LEVEL: "debug" });
  two = await cluster.start({ LOG_LEVEL: "debug" });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function ask(method: string, token: string, options: { path?: string; body?: object } = {}) {
  const { path = "", ...rest } = options;
  const { status, body } = await call(method, `${two.url}${PATH}${path}`, { token, ...rest });
  return { status, code: body["code"], body };
}

async function stateOf({ token }: Person): Promise<object> {
  return (await ask("GET", token)).body;
}

/** As if the session had been proved an hour ago. */
async function age({ token }: Person): Promise<void> {
  await cluster.database.sql`
    update app.sessions set authenticated_at = authenticated_at - interval '1 hour'
    where id = ${sessionOf(token)}`;
}

test("an app counts only after a code has confirmed it, and then ten codes are there for whoever loses it", async () => {
  const lan = await signUp(one.url, "Lan");
  expect(await stateOf(lan)).toEqual(OFF);
  const app = await setUpApp(one.url, lan, cluster.database);
  expect(app.secret).toHaveLength(20);
  expect(await stateOf(lan)).toEqual(OFF);
  expect((await logInWith(two.url, lan)).status).toBe(200);
  const wrong = await ask("POST", lan.token, {
    path: "/confirm",
    body: { code: wrongCodeOf(app) },
  });
  expect([wrong.status, wrong.code]).toEqual([401, "totp_invalid"]);
  const right = await ask("POST", lan.token, { path: "/confirm", body: { code: codeOf(app) } });
  expect(right.status).toBe(201);
  const codes = right.body["recoveryCodes"] as string[];
  expect(new Set(codes).size).toBe(10);
  for (const code of codes) expect(code).toMatch(/^[a-z2-7]{4}(?:-[a-z2-7]{4}){3}$/);
  expect(await stateOf(lan)).toEqual({
    isEnabled: true,
    enabledAt: expect.stringMatching(/^\d{4}-.*Z$/),
    recoveryCodesLeft: 10,
  });
});

test("the secret is answered once, and an app that is on is neither shown nor replaced", async () => {
  const lan = await signUp(one.url, "Lan");
  const first = await setUpApp(one.url, lan, cluster.database);
  const second = await setUpApp(two.url, lan, cluster.database);
  expect(second.text).not.toBe(first.text);
  const stale = await ask("POST", lan.token, { path: "/confirm", body: { code: codeOf(first) } });
  expect(stale.code).toBe("totp_invalid");
  await ask("POST", lan.token, { path: "/confirm", body: { code: codeOf(second) } });
  const again = await ask("POST", lan.token);
  expect([again.status, again.code]).toEqual([409, "already_exists"]);
  for (const answer of [again.body, await stateOf(lan)])
    expect(JSON.stringify(answer)).not.toContain(second.text);
});

test("nothing is confirmed that nobody set up, that is on already, or that waited for too long", async () => {
  const lan = await signUp(one.url, "Lan");
  const confirm = (code: string) => ask("POST", lan.token, { path: "/confirm", body: { code } });
  expect((await confirm("123456")).code).toBe("not_found");
  const app = await setUpApp(one.url, lan, cluster.database);
  await cluster.database.sql`
    update app.totp_secrets set created_at = created_at - interval '16 minutes' where user_id = ${lan.id}`;
  expect((await confirm(codeOf(app))).code).toBe("not_found");
  expect(await stateOf(lan)).toEqual(OFF);
  await enableApp(one.url, lan, cluster.database);
  expect((await confirm(codeOf(app, 1))).code).toBe("not_found");
});

test("a session that was not proved of late sets nothing up, turns nothing off and gets no codes", async () => {
  const [lan, minh] = await Promise.all([signUp(one.url, "Lan"), signUp(one.url, "Minh")]);
  await confirmAddress(cluster.database, minh);
  const app = await enableApp(one.url, lan, cluster.database);
  await Promise.all([age(lan), age(minh)]);
  const answers = [
    await ask("POST", minh.token),
    await ask("POST", lan.token, { path: "/recovery-codes" }),
    await ask("DELETE", lan.token, { body: { code: codeOf(app, 1) } }),
  ];
  expect(answers.map(({ status, code }) => [status, code])).toEqual(
    answers.map(() => [403, "reauthentication_required"]),
  );
  expect(await stateOf(minh)).toEqual(OFF);
  expect(await stateOf(lan)).toMatchObject({ isEnabled: true, recoveryCodesLeft: 10 });
});

test("the password alone does not prove anew who one is once an app is on", async () => {
  const lan = await signUp(one.url, "Lan");
  const app = await enableApp(one.url, lan, cluster.database);
  await age(lan);
  const prove = async (body: object) =>
    (await call("POST", `${two.url}/v1/auth/reauthenticate`, { token: lan.token, body })).body;
  const wrong = { password: PASSWORD, code: wrongCodeOf(app) };
  expect((await prove({ password: PASSWORD }))["code"]).toBe("totp_required");
  expect((await prove(wrong))["code"]).toBe("totp_invalid");
  expect((await prove({ password: "x", code: codeOf(app, 1) }))["code"]).toBe(
    "invalid_credentials",
  );
  expect((await ask("POST", lan.token, { path: "/recovery-codes" })).status).toBe(403);
  expect(Object.keys(await prove({ password: PASSWORD, code: codeOf(app, 1) }))).toContain("user");
  expect((await ask("POST", lan.token, { path: "/recovery-codes" })).status).toBe(201);
});

test("a session that was proved by the password alone has to show the app before it does what needs care", async () => {
  const lan = await signUp(one.url, "Lan");
  const app = await enableApp(one.url, lan, cluster.database);
  await cluster.database.sql`
    update app.sessions set methods = '{password}', authenticated_at = now()
    where id = ${sessionOf(lan.token)}`;
  const renew = () => ask("POST", lan.token, { path: "/recovery-codes" });
  expect((await renew()).code).toBe("reauthentication_required");
  const moved = await call("POST", `${two.url}/v1/account/email`, {
    token: lan.token,
    body: { email: `${crypto.randomUUID()}@example.com` },
  });
  expect(moved.body["code"]).toBe("reauthentication_required");
  const body = { password: PASSWORD, code: codeOf(app, 1) };
  await call("POST", `${two.url}/v1/auth/reauthenticate`, { token: lan.token, body });
  expect((await renew()).status).toBe(201);
});

test("turning it on ends every other session with its sockets, on every instance, and keeps the one that asks", async () => {
  const lan = await signUp(one.url, "Lan");
  const others = [await signIn(two.url, lan), await signIn(one.url, lan)];
  const minh = await signUp(two.url, "Minh");
  const app = await setUpApp(one.url, lan, cluster.database);
  const mine = await openSocket(two.url, lan.token);
  const theirs = await Promise.all(
    others.map(({ token }, at) => openSocket(at === 0 ? one.url : two.url, token)),
  );
  const wrong = { code: wrongCodeOf(app) };
  await ask("POST", lan.token, { path: "/confirm", body: wrong });
  for (const other of others) expect((await ask("GET", other.token)).status).toBe(200);
  await ask("POST", lan.token, { path: "/confirm", body: { code: codeOf(app) } });
  for (const socket of theirs)
    expect(await socket.closed).toEqual({ code: 4401, reason: "session_revoked" });
  for (const { token, refreshToken } of others) {
    expect((await ask("GET", token)).code).toBe("session_revoked");
    const again = await call("POST", `${one.url}/v1/auth/refresh`, { body: { refreshToken } });
    expect(again.body["code"]).toBe("session_revoked");
  }
  mine.send({ t: "hb", i: 2 });
  await mine.next(({ t }) => t === "hb.ok", "hb.ok");
  expect(await stateOf(lan)).toMatchObject({ isEnabled: true });
  expect((await ask("GET", minh.token)).status).toBe(200);
});

test("nothing is set up before the address is confirmed", async () => {
  const lan = await signUp(one.url, "Lan");
  const refused = await ask("POST", lan.token);
  expect([refused.status, refused.code]).toEqual([403, "email_not_verified"]);
  expect(refused.body).not.toHaveProperty("secret");
  const rows = await cluster.database.sql`select from app.totp_secrets where user_id = ${lan.id}`;
  expect(rows).toHaveLength(0);
  const token = await linkTo(cluster.dataDir, lan.email, /Chào mừng|Welcome/);
  await call("POST", `${one.url}/v1/account/email/verification/confirm`, { body: { token } });
  expect((await ask("POST", lan.token)).status).toBe(201);
});

test("only a code turns it off, and then the password is enough again and every recovery code is gone", async () => {
  const lan = await signUp(one.url, "Lan");
  const app = await enableApp(one.url, lan, cluster.database);
  const off = (code: string) => ask("DELETE", lan.token, { body: { code } });
  expect((await off(wrongCodeOf(app))).code).toBe("totp_invalid");
  expect((await off("aaaa-aaaa-aaaa-aaaa")).code).toBe("totp_invalid");
  expect(await stateOf(lan)).toMatchObject({ isEnabled: true });
  expect((await off(codeOf(app, 1))).status).toBe(204);
  expect(await stateOf(lan)).toEqual(OFF);
  expect((await logInWith(one.url, lan)).status).toBe(200);
  expect((await off(codeOf(app, 1))).code).toBe("not_found");
  expect((await ask("POST", lan.token, { path: "/recovery-codes" })).code).toBe("not_found");
  const [row] = await cluster.database.sql`
    select count(*)::int as n from app.recovery_codes where user_id = ${lan.id}`;
  expect(row?.["n"]).toBe(0);
});

test("new recovery codes put the old ones out of use", async () => {
  const lan = await signUp(one.url, "Lan");
  const { recoveryCodes: old } = await enableApp(one.url, lan, cluster.database);
  const { body } = await ask("POST", lan.token, { path: "/recovery-codes" });
  const fresh = body["recoveryCodes"] as string[];
  expect(fresh.filter((code) => old.includes(code))).toEqual([]);
  expect((await logInWith(one.url, lan, old[0])).body["code"]).toBe("totp_invalid");
  expect((await logInWith(one.url, lan, fresh[0])).status).toBe(200);
});

test("the owner reads of every change, in the log of the account and by mail", async () => {
  const lan = await signUp(one.url, "Lan");
  const app = await enableApp(one.url, lan, cluster.database);
  await logInWith(two.url, lan, app.recoveryCodes[0]);
  await ask("POST", lan.token, { path: "/recovery-codes" });
  await forgetCodes(cluster.database, lan);
  await ask("DELETE", lan.token, { body: { code: codeOf(app) } });
  const log = await call("GET", `${one.url}/v1/me/audit`, { token: lan.token });
  const entries = log.body["items"] as { action: string; actor: string }[];
  expect(entries.map(({ action }) => action).filter((action) => action.startsWith("mfa."))).toEqual(
    ["mfa.disabled", "mfa.recovery_renewed", "mfa.recovery_used", "mfa.enabled"],
  );
  const subjects = async () =>
    (await listMails(cluster.dataDir))
      .filter((mail) => mail.to?.some(({ address }) => address === lan.email))
      .map(({ subject }) => subject ?? "");
  const expected = ["Đã bật", "Đã tắt", "Một mã khôi phục", "Bạn có các mã"];
  await until("four mails", async () => {
    const found = await subjects();
    return expected.every((start) => found.some((subject) => subject.startsWith(start)));
  });
});

test("no secret and no code stands in a log line, in a mail, or unsealed in the database", async () => {
  const lan = await signUp(one.url, "Lan");
  const app = await enableApp(one.url, lan, cluster.database);
  const [recovery = ""] = app.recoveryCodes;
  await logInWith(one.url, lan, recovery);
  await logInWith(two.url, lan, codeOf(app, 1));
  const { sql } = cluster.database;
  const rows = await sql`
    select s.sealed, array_agg(r.digest) as digests from app.totp_secrets s
    join app.recovery_codes r using (user_id) where user_id = ${lan.id} group by s.sealed`;
  const [row] = rows as unknown as { sealed: Buffer; digests: Buffer[] }[];
  expect(row?.sealed.includes(Buffer.from(app.secret))).toBe(false);
  expect(row?.digests).toHaveLength(9);
  const jobs = await sql`select payload from app.job_outbox`;
  const mails = await listMails(cluster.dataDir);
  const said = [one.log(), two.log(), JSON.stringify(jobs), JSON.stringify(mails)].join("\n");
  expect(said).toContain("/v1/account/totp");
  for (const text of [app.text, ...app.recoveryCodes, Buffer.from(app.secret).toString("hex")])
    expect(said.includes(text)).toBe(false);
});
