import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, type Person, sessionOf, signIn, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import {
  deletion,
  makeDue,
  outcomeOf,
  scheduleDeletion,
  sweepAccounts,
} from "../../support/lifecycle.ts";
import { mailTo } from "../../support/mailbox.ts";
import { until } from "../../support/poll.ts";
import { openSocket } from "../../support/socket.ts";
import { codeOf, confirmAddress, enableApp, logInWith } from "../../support/totp.ts";

const DAY_MS = 86_400_000;

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  // Only one of them works in the background, so that what it does is seen once.
  [first, second] = await Promise.all([
    cluster.start({ ACCOUNT_DELETION_GRACE_DAYS: "30" }),
    cluster.start({ ROLE: "api,socket" }),
  ]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function seesItself({ token }: Person, url = first.url): Promise<string> {
  return outcomeOf(await call("GET", `${url}/v1/me`, { token }));
}

async function subjectsTo({ email }: Person, count: number): Promise<string[]> {
  let subjects: string[] = [];
  await until(`${count} mails to ${email}`, async () => {
    subjects = (await mailTo(cluster.dataDir, email)).map(({ subject }) => subject ?? "");
    return subjects.length >= count;
  });
  return subjects;
}

test("a deletion is scheduled for the end of the grace, ends every other session, and is mailed once", async () => {
  const lan = await signUp(first.url, "Lan");
  await confirmAddress(cluster.database, lan);
  const phone = await signIn(second.url, lan);
  const socket = await openSocket(second.url, phone.token);
  expect((await deletion("GET", first.url, lan.token)).body).toEqual({
    isScheduled: false,
    requestedAt: null,
    dueAt: null,
  });
  const asked = await deletion("POST", first.url, lan.token);
  expect([asked.status, asked.headers.get("location")]).toEqual([202, "/v1/account/deletion"]);
  const { requestedAt, dueAt } = asked.body;
  const graceMs = new Date(String(dueAt)).getTime() - new Date(String(requestedAt)).getTime();
  expect(graceMs).toBe(30 * DAY_MS);
  expect((await socket.closed).code).toBe(4401);
  expect(await seesItself(phone, second.url)).toBe("401 session_revoked");
  expect(await seesItself(lan, second.url)).toBe("200");
  // Asking again neither puts it off nor mails again.
  const again = await deletion("POST", second.url, lan.token);
  expect([again.status, again.body["dueAt"]] as unknown[]).toEqual([202, dueAt]);
  expect((await deletion("GET", second.url, lan.token)).body).toEqual(asked.body);
  const subjects = await subjectsTo(lan, 2);
  expect(subjects.filter((subject) => /bị xóa|be erased/.test(subject))).toHaveLength(1);
  const { body } = await call("GET", `${first.url}/v1/me/audit`, { token: lan.token });
  const actions = (body["items"] as { action: string }[]).map(({ action }) => action);
  expect(actions.filter((action) => action === "account.deletion_requested")).toHaveLength(1);
});

test("whoever signs in within the grace keeps the account, and nothing is erased", async () => {
  const lan = await signUp(first.url, "Lan");
  await confirmAddress(cluster.database, lan);
  expect(outcomeOf(await deletion("DELETE", first.url, lan.token))).toBe("404 not_found");
  await scheduleDeletion(first.url, lan);
  await sweepAccounts(cluster.database.sql);
  const back = await signIn(second.url, lan);
  expect((await deletion("DELETE", second.url, back.token)).status).toBe(204);
  expect((await deletion("GET", first.url, back.token)).body["isScheduled"]).toBe(false);
  expect(outcomeOf(await deletion("DELETE", second.url, back.token))).toBe("404 not_found");
  await makeDue(cluster.database.sql, lan);
  await sweepAccounts(cluster.database.sql);
  expect(await seesItself(back)).toBe("200");
  const subjects = await subjectsTo(lan, 3);
  expect(subjects.filter((subject) => /được giữ lại|account stays/.test(subject))).toHaveLength(1);
});

test("when the grace is over nobody cancels any more, whatever has been erased by then", async () => {
  const lan = await signUp(first.url, "Lan");
  await scheduleDeletion(first.url, lan);
  // Nothing can be erased while this is held, so the answer does not depend on how quick the background is.
  const connection = await cluster.database.sql.reserve();
  try {
    await connection`begin`;
    await connection`lock table app.recovery_codes in access exclusive mode`;
    await makeDue(cluster.database.sql, lan);
    expect(outcomeOf(await deletion("DELETE", second.url, lan.token))).toBe(
      "409 deletion_under_way",
    );
  } finally {
    await connection`rollback`;
    connection.release();
  }
});

test("it takes a recent proof of who asks, and of both factors where there are two", async () => {
  const { sql } = cluster.database;
  const lan = await signUp(first.url, "Lan");
  const early = await signIn(first.url, lan);
  await sql`update app.sessions set authenticated_at = now() - interval '11 minutes'
    where id = ${sessionOf(lan.token)}`;
  expect(outcomeOf(await deletion("POST", first.url, lan.token))).toBe(
    "403 reauthentication_required",
  );
  const app = await enableApp(first.url, early, cluster.database);
  // The session from before the app was there knows the password alone.
  await sql`update app.sessions set methods = '{password}' where id = ${sessionOf(early.token)}`;
  expect(outcomeOf(await deletion("POST", second.url, early.token))).toBe(
    "403 reauthentication_required",
  );
  const full = await logInWith(second.url, lan, codeOf(app, 1));
  expect(outcomeOf(await deletion("POST", second.url, String(full.body["accessToken"])))).toBe(
    "202",
  );
});

test("nobody begins anything new with who is about to go, and what they have goes on", async () => {
  const [lan, minh, hoa] = await Promise.all([
    signUp(first.url, "Lan"),
    signUp(first.url, "Minh"),
    signUp(first.url, "Hoa"),
  ]);
  const direct = { kind: "direct", userId: lan.id };
  const known = await converse(first.url, minh.token, direct);
  const group = await converse(first.url, hoa.token, { kind: "group", name: "HNX", memberIds: [] });
  await scheduleDeletion(first.url, lan);
  const open = (person: Person, body: object) =>
    call("POST", `${second.url}/v1/conversations`, { token: person.token, body });
  expect(outcomeOf(await open(hoa, direct))).toBe("404 not_found");
  expect(
    outcomeOf(await open(hoa, { kind: "group", name: "X", memberIds: [minh.id, lan.id] })),
  ).toBe("404 not_found");
  const join = `${second.url}/v1/conversations/${group}/members/${lan.id}`;
  expect(outcomeOf(await call("PUT", join, { token: hoa.token }))).toBe("404 not_found");
  const again = await open(minh, direct);
  expect([again.status, again.body["id"]] as unknown[]).toEqual([200, known]);
  const body = { clientId: crypto.randomUUID(), body: "Are you leaving?" };
  const path = `${second.url}/v1/conversations/${known}/messages`;
  expect((await call("POST", path, { token: minh.token, body })).status).toBe(201);
  expect((await deletion("DELETE", first.url, lan.token)).status).toBe(204);
  expect((await open(hoa, direct)).status).toBe(201);
  expect((await call("PUT", join, { token: hoa.token })).status).toBe(204);
});
