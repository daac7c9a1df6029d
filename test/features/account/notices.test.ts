import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, PASSWORD, type Person, sessionOf, signIn, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { listMails } from "../../support/mailbox.ts";
import { linkTo } from "../../support/mailed_links.ts";
import { until } from "../../support/poll.ts";
import { confirmAddress } from "../../support/totp.ts";

const TURNS = 6;
/** What is sent of one kind before the first wait. */
const FREE = 3;
const WELCOME = /Chào mừng|Welcome/;
const REUSE = /đăng xuất một thiết bị|signed one of your devices out/;
const PASSWORD_CHANGED = /Mật khẩu của bạn đã được đổi|Your password was changed/;

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  // Two instances, because the counts have to be those of all of them.
  const strict = { LIMITS_SCALE: "1" };
  [first, second] = await Promise.all([cluster.start(strict), cluster.start(strict)]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** Changes the password again and again, as whoever has registered may. */
async function changeOften({ token }: Person): Promise<void> {
  let currentPassword = PASSWORD;
  for (let turn = 0; turn < TURNS; turn += 1) {
    const newPassword = `eight silver rivers ${turn}`;
    const body = { currentPassword, newPassword };
    const { url } = turn % 2 === 0 ? first : second;
    const answer = await call("PUT", `${url}/v1/account/password`, { token, body });
    expect(answer.status).toBe(204);
    currentPassword = newPassword;
  }
}

/** Shows an old refresh token in one session after the other. */
async function reuseOften(person: Person): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) {
    const { token, refreshToken } = await signIn(first.url, person);
    const id = sessionOf(token);
    await cluster.database.sql`
      update app.sessions set refresh_counter = 2, seen_counter = 2, refreshed_at = now() - interval '1 minute'
      where id = ${id}`;
    const answer = await call("POST", `${second.url}/v1/auth/refresh`, { body: { refreshToken } });
    expect(String(answer.body["code"])).toBe("refresh_reused");
  }
}

/** The subjects of all mails to somebody, once everything that was asked for is done. */
async function subjectsTo({ email }: Person): Promise<string[]> {
  await until("an empty job outbox", async () => {
    const rows = await cluster.database.sql`select 1 from app.job_outbox`;
    return rows.length === 0;
  });
  const mails = await listMails(cluster.dataDir);
  return mails
    .filter(({ to }) => to?.some(({ address }) => address === email))
    .map(({ subject }) => subject ?? "");
}

function count(subjects: string[], wanted: RegExp): number {
  return subjects.filter((subject) => wanted.test(subject)).length;
}

test("an address that was never proven gets the welcome and not one notice, whatever is done to the account", async () => {
  const victim = await signUp(first.url);
  await reuseOften(victim);
  await changeOften(victim);
  await call("POST", `${first.url}/v1/account/deletion`, { token: victim.token });
  await call("DELETE", `${first.url}/v1/account/deletion`, { token: victim.token });
  const subjects = await subjectsTo(victim);
  expect(subjects).toHaveLength(1);
  expect(count(subjects, WELCOME)).toBe(1);
  const logs = `${first.log()}${second.log()}`;
  expect(logs).toContain("the address is not proven");
  expect(logs).not.toContain(victim.email);
});

test("a proven address is told of what happens, but of no kind more often than its limit", async () => {
  const lan = await signUp(first.url);
  await confirmAddress(cluster.database, lan);
  await reuseOften(lan);
  await changeOften(lan);
  const subjects = await subjectsTo(lan);
  expect(count(subjects, PASSWORD_CHANGED)).toBe(FREE);
  expect(count(subjects, REUSE)).toBe(FREE);
  expect(`${first.log()}${second.log()}`).toContain("there were too many");
  // One's flood takes nothing away from another.
  const minh = await signUp(second.url);
  await confirmAddress(cluster.database, minh);
  const body = { currentPassword: PASSWORD, newPassword: "eight silver rivers" };
  await call("PUT", `${second.url}/v1/account/password`, { token: minh.token, body });
  expect(count(await subjectsTo(minh), PASSWORD_CHANGED)).toBe(1);
});

test("whoever sets a password through a mailed link is told, because that mail has reached them", async () => {
  const lan = await signUp(first.url);
  const { email } = lan;
  await call("POST", `${first.url}/v1/account/password/forgotten`, { body: { email } });
  const token = await linkTo(cluster.dataDir, email, /Đặt mật khẩu mới|Set a new password/);
  const body = { token, password: "nine golden bridges" };
  const answer = await call("POST", `${first.url}/v1/account/password/reset`, { body });
  expect(answer.status).toBe(204);
  expect(count(await subjectsTo(lan), /Mật khẩu mới đã được đặt|A new password was set/)).toBe(1);
});
