import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Answer, call, PASSWORD, type Person, signIn, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { listMails, mailTo } from "../../support/mailbox.ts";
import { linksTo, linkTo } from "../../support/mailed_links.ts";
import { until } from "../../support/poll.ts";
import { openSocket } from "../../support/socket.ts";
import { enableApp } from "../../support/totp.ts";

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
const RESET = /^(?:Đặt mật khẩu mới|Set a new password)$/;
const NOTICE = /^(?:Mật khẩu mới đã được đặt|A new password was set)$/;
const GONE = "400 link_invalid";

function forget(email: string, url = first.url): Promise<Answer> {
  return call("POST", `${url}/v1/account/password/forgotten`, { body: { email } });
}

async function reset(token: string, password = NEW_PASSWORD, url = first.url): Promise<string> {
  const { status, body } = await call("POST", `${url}/v1/account/password/reset`, {
    body: { token, password },
  });
  return status === 204 ? "204" : `${status} ${String(body["code"])}`;
}

async function logIn(email: string, password: string): Promise<number> {
  const body = { email, password, transport: "body" };
  return (await call("POST", `${first.url}/v1/auth/login`, { body })).status;
}

async function mailedLink({ email }: Person): Promise<string> {
  expect((await forget(email)).status).toBe(202);
  return await linkTo(cluster.dataDir, email, RESET);
}

async function statusOf({ token }: Person, url: string): Promise<number> {
  return (await call("GET", `${url}/v1/me`, { token })).status;
}

test("a reset sets the password, ends every session with its sockets, and tells the owner", async () => {
  const lan = await signUp(first.url);
  const phone = await signIn(second.url, lan);
  const [here, there] = [
    await openSocket(first.url, lan.token),
    await openSocket(second.url, phone.token),
  ];
  expect((await forget(lan.email.toUpperCase())).status).toBe(202);
  const [link] = await linksTo(cluster.dataDir, lan.email, { subject: RESET });
  expect(link?.page).toEndWith("/reset-password");
  expect(await reset(link?.token ?? "")).toBe("204");
  const closes = await Promise.all([here.closed, there.closed]);
  expect(closes.map(({ code }) => code)).toEqual([4401, 4401]);
  expect(await statusOf(lan, first.url)).toBe(401);
  expect(await statusOf(phone, second.url)).toBe(401);
  const refreshed = await call("POST", `${second.url}/v1/auth/refresh`, {
    body: { refreshToken: phone.refreshToken },
  });
  expect(refreshed.body["code"] as unknown).toBe("session_revoked");
  expect(await logIn(lan.email, PASSWORD)).toBe(401);
  expect(await logIn(lan.email, NEW_PASSWORD)).toBe(200);
  await until("the notice", async () => {
    const mails = await mailTo(cluster.dataDir, lan.email);
    return mails.some(({ subject }) => NOTICE.test(subject ?? ""));
  });
  const rows = await cluster.database.sql`
    select 1 from app.accounts where user_id = ${lan.id} and email_verified_at is not null`;
  expect(rows).toHaveLength(0);
});

test("known and unknown addresses get the same answer, and leave the same work behind", async () => {
  await using apart = await openCluster();
  const { sql } = apart.database;
  const api = await apart.start({ ROLE: "api" });
  const lan = await signUp(api.url);
  const unknown = `nobody.${lan.email}`;
  const asked = async (email: string) => {
    const before = await sql`select id from app.job_outbox`;
    const { status, body, headers } = await forget(email, api.url);
    const jobs = await sql`
      select kind, version, max_attempts, payload ->> 'email' as email from app.job_outbox
      where id <> all (${before.map((row) => String(row["id"]))}::uuid[])`;
    const others = await sql`
      select (select count(*) from app.account_tokens) as tokens,
        (select count(*) from app.audit_entries) as entries`;
    return {
      status,
      body,
      names: [...headers.keys()].toSorted(),
      length: headers.get("content-length"),
      jobs: jobs.map((job) => ({ ...job, email: job["email"] === email })),
      others: { ...others[0] },
    };
  };
  const known = await asked(lan.email);
  expect(known).toEqual(await asked(unknown));
  expect(known.jobs as object[]).toEqual([
    { kind: "account.reset_mail", version: 1, max_attempts: 3, email: true },
  ]);
  expect(known.body as object).toEqual({ status: "accepted" });

  await apart.start({ ROLE: "relay,worker" });
  await linkTo(apart.dataDir, lan.email, RESET);
  await until("an empty queue", async () => (await sql`select 1 from app.job_outbox`).length === 0);
  const mails = await listMails(apart.dataDir);
  expect(mails.filter(({ to }) => to?.some(({ address }) => address === unknown))).toEqual([]);
});

test("of twenty uses of one link at once, on two instances, one wins", async () => {
  const lan = await signUp(first.url);
  const token = await mailedLink(lan);
  const tries = Array.from({ length: 20 }, (_, index) => `${NEW_PASSWORD} ${index}`);
  const answers = await Promise.all(
    tries.map((password, index) => reset(token, password, index % 2 ? first.url : second.url)),
  );
  const won = tries.filter((_, index) => answers[index] === "204");
  expect(won).toHaveLength(1);
  expect(answers.filter((answer) => answer === GONE)).toHaveLength(19);
  expect(await logIn(lan.email, won[0] ?? "")).toBe(200);
});

test("a link works for 30 minutes, for its purpose, and while its address is the account's", async () => {
  const { sql } = cluster.database;
  const [late, moved, other] = [
    await signUp(first.url),
    await signUp(first.url),
    await signUp(first.url),
  ];
  const lates = await mailedLink(late);
  const [row] = await sql`
    select extract(epoch from expires_at - created_at)::int as seconds from app.account_tokens
    where user_id = ${late.id} and purpose = 'password_reset'`;
  expect(row?.["seconds"]).toBe(1_800);
  await sql`update app.account_tokens set expires_at = now() where user_id = ${late.id}`;
  expect(await reset(lates)).toBe(GONE);
  const moveds = await mailedLink(moved);
  await sql`update app.accounts set email = ${`x.${moved.email}`} where user_id = ${moved.id}`;
  expect(await reset(moveds)).toBe(GONE);
  const welcome = await linkTo(cluster.dataDir, other.email, /Chào mừng|Welcome/);
  expect(await reset(welcome)).toBe(GONE);
  const others = await mailedLink(other);
  const confirmed = await call("POST", `${first.url}/v1/account/email/verification/confirm`, {
    body: { token: others },
  });
  expect(confirmed.status).toBe(400);
  expect(await reset(others)).toBe("204");
  expect(await logIn(late.email, PASSWORD)).toBe(200);
});

test("a password that is guessed soon is refused and uses no link up; a newer link does", async () => {
  const lan = await signUp(first.url);
  const old = await mailedLink(lan);
  expect(await reset(old, "password1")).toBe("422 validation_failed");
  expect(await reset(old, lan.email)).toBe("422 validation_failed");
  expect((await forget(lan.email)).status).toBe(202);
  const [newest] = await linksTo(cluster.dataDir, lan.email, { subject: RESET, count: 2 });
  expect(await reset(old)).toBe(GONE);
  expect(await statusOf(lan, first.url)).toBe(200);
  expect(await reset(newest?.token ?? "")).toBe("204");
});

test("a new password by mail takes back a deletion that somebody with the old one has asked for", async () => {
  // Nobody has shown that the address is theirs, so it gets no notice of the deletion.
  const stranger = await signUp(first.url, "Owner of another address");
  const url = `${first.url}/v1/account/deletion`;
  expect((await call("POST", url, { token: stranger.token })).status).toBe(202);
  expect(await reset(await mailedLink(stranger))).toBe("204");
  const owner = await signIn(second.url, stranger, NEW_PASSWORD);
  const { body } = await call("GET", url, { token: owner.token });
  expect(body).toEqual({ isScheduled: false, requestedAt: null, dueAt: null });
  const [row] = await cluster.database.sql`
    select closed_at from app.users where id = ${owner.id}`;
  expect(row).toEqual({ closed_at: null });
});

test("a new password by mail does not get around the second factor", async () => {
  const lan = await signUp(first.url);
  await enableApp(first.url, lan, cluster.database);
  expect(await reset(await mailedLink(lan))).toBe("204");
  const body = { email: lan.email, password: NEW_PASSWORD, transport: "body" };
  const { status, body: problem } = await call("POST", `${first.url}/v1/auth/login`, { body });
  expect([status, String(problem["code"])]).toEqual([401, "totp_required"]);
});

test("too many mails to one address are refused alike for known and unknown ones", async () => {
  const strict = await cluster.start({ LIMITS_SCALE: "1" });
  const lan = await signUp(first.url);
  for (const email of [lan.email, `nobody.${lan.email}`]) {
    const statuses: number[] = [];
    for (let turn = 0; turn < 5; turn += 1) statuses.push((await forget(email, strict.url)).status);
    expect(statuses).toEqual([202, 202, 202, 429, 429]);
  }
  const { headers } = await forget(lan.email, strict.url);
  expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
});
