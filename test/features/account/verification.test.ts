import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, type Person, signIn, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { linksTo, linkTo } from "../../support/mailed_links.ts";

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

const WELCOME = /Chào mừng|Welcome/;
const RESENT = /^(?:Xác nhận địa chỉ email của bạn|Confirm your e-mail address)$/;
const GONE = "400 link_invalid";

async function isVerified({ token }: Person, url: string): Promise<unknown> {
  return (await call("GET", `${url}/v1/me`, { token })).body["emailVerified"];
}

async function confirm(token: string, url = first.url): Promise<string> {
  const { status, body } = await call("POST", `${url}/v1/account/email/verification/confirm`, {
    body: { token },
  });
  return status === 204 ? "204" : `${status} ${String(body["code"])}`;
}

async function resend({ token }: Person): Promise<number> {
  return (await call("POST", `${first.url}/v1/account/email/verification`, { token })).status;
}

test("the link of the welcome mail confirms the address once, for every session on every instance", async () => {
  const lan = await signUp(first.url);
  const phone = await signIn(second.url, lan);
  expect(await isVerified(lan, first.url)).toBe(false);
  expect(await isVerified(phone, second.url)).toBe(false);
  const [link] = await linksTo(cluster.dataDir, lan.email, { subject: WELCOME });
  expect(link?.page).toEndWith("/verify-email");
  const token = link?.token ?? "";
  expect(await confirm(token)).toBe("204");
  expect(await isVerified(lan, first.url)).toBe(true);
  expect(await isVerified(phone, second.url)).toBe(true);
  expect(await confirm(token)).toBe(GONE);
  const { body } = await call("GET", `${first.url}/v1/me/audit`, { token: lan.token });
  const actions = (body["items"] as { action: string }[]).map(({ action }) => action);
  expect(actions).toContain("account.email_verified");
});

test("a new link takes the place of the one before, and a confirmed address is mailed none", async () => {
  const lan = await signUp(first.url);
  const old = await linkTo(cluster.dataDir, lan.email, WELCOME);
  expect(await resend(lan)).toBe(202);
  const renewed = await linkTo(cluster.dataDir, lan.email, RESENT);
  expect(await confirm(old)).toBe(GONE);
  expect(await isVerified(lan, first.url)).toBe(false);
  expect(await confirm(renewed)).toBe("204");
  expect(await resend(lan)).toBe(202);
  // The job that would have mailed it is behind us when one that was asked for later is done.
  const minh = await signUp(first.url);
  await linkTo(cluster.dataDir, minh.email, WELCOME);
  expect(await linksTo(cluster.dataDir, lan.email, { subject: RESENT })).toHaveLength(1);
});

test("of twenty uses of one link at once, on two instances, one wins", async () => {
  const lan = await signUp(first.url);
  const token = await linkTo(cluster.dataDir, lan.email, WELCOME);
  const urls = Array.from({ length: 20 }, (_, index) => (index % 2 ? first.url : second.url));
  const answers = await Promise.all(urls.map((url) => confirm(token, url)));
  expect(answers.filter((answer) => answer === "204")).toHaveLength(1);
  expect(answers.filter((answer) => answer === GONE)).toHaveLength(19);
});

test("a link that has expired, was changed by a character, or was mailed to another address is refused", async () => {
  const { sql } = cluster.database;
  const [late, moved] = [await signUp(first.url), await signUp(first.url)];
  const lates = await linkTo(cluster.dataDir, late.email, WELCOME);
  await sql`update app.account_tokens set expires_at = now() where user_id = ${late.id}`;
  expect(await confirm(lates)).toBe(GONE);
  const token = await linkTo(cluster.dataDir, moved.email, WELCOME);
  for (const at of [0, 5, 20, token.length - 1]) {
    const other = token[at] === "A" ? "B" : "A";
    expect(await confirm(token.slice(0, at) + other + token.slice(at + 1))).toBe(GONE);
  }
  expect(await confirm(`${token}=`)).toBe(GONE);
  await sql`update app.accounts set email = ${`x.${moved.email}`} where user_id = ${moved.id}`;
  expect(await confirm(token)).toBe(GONE);
  const verified = await sql`
    select 1 from app.accounts
    where user_id in (${late.id}, ${moved.id}) and email_verified_at is not null`;
  expect(verified).toHaveLength(0);
});

test("no token is in the database, in a job or in a log, and what has expired is swept", async () => {
  const { sql } = cluster.database;
  const lan = await signUp(first.url);
  const token = await linkTo(cluster.dataDir, lan.email, WELCOME);
  await sql`update app.account_tokens set expires_at = now() - interval '1 hour'
    where user_id = ${lan.id}`;
  const stored = await sql`
    select to_jsonb(t)::text || coalesce(encode(t.digest, 'escape'), '') as text
    from app.account_tokens t union all select to_jsonb(j)::text from app.job_outbox j`;
  expect(stored.length).toBeGreaterThan(0);
  expect(stored.filter((row) => String(row["text"]).includes(token.slice(5)))).toEqual([]);
  expect(await confirm(token)).toBe(GONE);
  for (const instance of [first, second]) expect(instance.log()).not.toContain("frv1_");
  const minh = await signUp(first.url);
  await linkTo(cluster.dataDir, minh.email, WELCOME);
  const left = await sql`select 1 from app.account_tokens where user_id = ${lan.id}`;
  expect(left).toHaveLength(0);
});
