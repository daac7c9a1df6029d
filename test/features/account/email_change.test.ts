import { afterAll, beforeAll, expect, test } from "bun:test";

import {
  type Answer,
  call,
  PASSWORD,
  type Person,
  sessionOf,
  signIn,
  signUp,
} from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { listMails, mailTo } from "../../support/mailbox.ts";
import { linkTo } from "../../support/mailed_links.ts";
import { until } from "../../support/poll.ts";

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

const ALLOW = /đổi địa chỉ email\?|address change\?/;
const CONFIRM = /^(?:Xác nhận địa chỉ email mới|Confirm your new e-mail address)$/;
const MOVED = /tài khoản đã được đổi|account has changed/;
const GONE = "400 link_invalid";

function wish({ token }: Person, email: string): Promise<Answer> {
  return call("POST", `${first.url}/v1/account/email`, { token, body: { email } });
}

async function confirm(token: string, url = first.url): Promise<string> {
  const { status, body } = await call("POST", `${url}/v1/account/email/confirm`, {
    body: { token },
  });
  return status === 200
    ? `changed ${String(body["changed"])}`
    : `${status} ${String(body["code"])}`;
}

async function logIn(email: string): Promise<number> {
  const body = { email, password: PASSWORD, transport: "body" };
  return (await call("POST", `${first.url}/v1/auth/login`, { body })).status;
}

/** Somebody with a wish, and the links that both addresses were mailed. */
async function asked(): Promise<{ lan: Person; email: string; old: string; fresh: string }> {
  const lan = await signUp(first.url);
  const email = `new.${lan.email}`;
  expect((await wish(lan, email.toUpperCase().replace("EXAMPLE.COM", "example.com"))).status).toBe(
    202,
  );
  const old = await linkTo(cluster.dataDir, lan.email, ALLOW);
  const fresh = await linkTo(cluster.dataDir, email, CONFIRM);
  return { lan, email, old, fresh };
}

test.each([
  ["the old address first", (old: string, fresh: string) => [old, fresh]],
  ["the new address first", (old: string, fresh: string) => [fresh, old]],
])("the address changes when both have confirmed: %s", async (_, order) => {
  const { lan, email, old, fresh } = await asked();
  const phone = await signIn(second.url, lan);
  const [one = "", other = ""] = order(old, fresh);
  expect(await confirm(one)).toBe("changed false");
  const before = await call("GET", `${first.url}/v1/me`, { token: lan.token });
  expect([before.body["email"], before.body["emailVerified"]] as unknown[]).toEqual([
    lan.email,
    false,
  ]);
  expect(await confirm(one)).toBe(GONE);
  expect(await confirm(other, second.url)).toBe("changed true");
  expect(await confirm(other)).toBe(GONE);
  for (const [token, url] of [
    [lan.token, first.url],
    [phone.token, second.url],
  ] as const) {
    const me = await call("GET", `${url}/v1/me`, { token });
    expect([me.body["email"], me.body["emailVerified"]] as unknown[]).toEqual([email, true]);
  }
  expect(await logIn(lan.email)).toBe(401);
  expect(await logIn(email)).toBe(200);
  await until("the notice to the old address", async () => {
    const mails = await mailTo(cluster.dataDir, lan.email);
    return mails.some(({ subject }) => MOVED.test(subject ?? ""));
  });
});

test("both confirming at once, ten times each, changes the address once", async () => {
  const { lan, email, old, fresh } = await asked();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      confirm(index % 2 ? old : fresh, index % 3 ? first.url : second.url),
    ),
  );
  expect(answers.toSorted()).toEqual([
    ...Array.from({ length: 18 }, () => GONE),
    "changed false",
    "changed true",
  ]);
  const me = await call("GET", `${second.url}/v1/me`, { token: lan.token });
  expect(String(me.body["email"])).toBe(email);
});

test("another wish voids the links of the one before, of both addresses", async () => {
  const { lan, old, fresh } = await asked();
  const other = `newer.${lan.email}`;
  expect((await wish(lan, other)).status).toBe(202);
  expect(await confirm(old)).toBe(GONE);
  expect(await confirm(fresh)).toBe(GONE);
  const confirmed = await linkTo(cluster.dataDir, other, CONFIRM);
  expect(await confirm(confirmed)).toBe("changed false");
  expect(await logIn(lan.email)).toBe(200);
});

test("a taken address is asked for like any other, mailed nothing, and never taken over", async () => {
  const [lan, minh] = [await signUp(first.url), await signUp(first.url)];
  const [taken, free] = [await wish(lan, minh.email), await wish(lan, `free.${lan.email}`)];
  const shape = ({ status, headers, body }: Answer) => ({
    status,
    body,
    names: [...headers.keys()].toSorted(),
  });
  expect(shape(taken)).toEqual(shape(free));
  expect((await wish(lan, minh.email)).status).toBe(202);
  await linkTo(cluster.dataDir, lan.email, ALLOW);
  const { sql } = cluster.database;
  await until("an empty queue", async () => (await sql`select 1 from app.job_outbox`).length === 0);
  const mails = await listMails(cluster.dataDir);
  const hers = mails.filter(({ to }) => to?.some(({ address }) => address === minh.email));
  expect(hers.filter(({ subject }) => CONFIRM.test(subject ?? ""))).toEqual([]);
});

test("an address that somebody takes in the meantime is refused like a link that is no more", async () => {
  const { lan, email, old, fresh } = await asked();
  const body = { email, password: PASSWORD, displayName: "Quick", transport: "body" };
  expect((await call("POST", `${first.url}/v1/auth/register`, { body })).status).toBe(201);
  expect(await confirm(old)).toBe("changed false");
  expect(await confirm(fresh)).toBe(GONE);
  const me = await call("GET", `${first.url}/v1/me`, { token: lan.token });
  expect(String(me.body["email"])).toBe(lan.email);
});

test("it takes a recent proof of who asks, another address, and links that have not expired", async () => {
  const { sql } = cluster.database;
  const { lan, old, fresh } = await asked();
  const same = await wish(lan, lan.email);
  expect([same.status, same.body["code"]] as unknown[]).toEqual([422, "validation_failed"]);
  await sql`update app.email_changes set expires_at = now() where user_id = ${lan.id}`;
  expect(await confirm(old)).toBe(GONE);
  await sql`update app.account_tokens set expires_at = now() where user_id = ${lan.id}`;
  expect(await confirm(fresh)).toBe(GONE);
  await sql`update app.sessions set authenticated_at = now() - interval '11 minutes'
    where id = ${sessionOf(lan.token)}`;
  const late = await wish(lan, `late.${lan.email}`);
  expect([late.status, late.body["code"]] as unknown[]).toEqual([403, "reauthentication_required"]);
});

test("the old address alone cannot move an account, nor can the link of another purpose", async () => {
  const { lan, old } = await asked();
  const welcome = await linkTo(cluster.dataDir, lan.email, /Chào mừng|Welcome/);
  expect(await confirm(welcome)).toBe(GONE);
  expect(await confirm(old)).toBe("changed false");
  expect(await logIn(lan.email)).toBe(200);
});
