import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";

import { openRedis, type Redis } from "../../../src/platform/redis.ts";
import { type Answer, call, PASSWORD, type Person, signIn, signUp } from "../../support/client.ts";
import { silentLog } from "../../support/database.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";
import { testServices } from "../../support/services.ts";
import { hold } from "../../support/throttle.ts";
import { enableApp, wrongCodeOf } from "../../support/totp.ts";

setDefaultTimeout(30_000);

const WRONG = "another one";
const NEW_PASSWORD = "eight silver rivers";
/** As the policy of passwords has it. */
const FREE_FAILURES = 10;
const LONG_WAIT_MS = 120_000;
const MAX_AT_ONCE = 2;

let cluster: Cluster;
let instance: Instance;
let strict: [Instance, Instance];
let redis: Redis;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  const [one, other, third] = await Promise.all([
    cluster.start(),
    cluster.start({ LIMITS_SCALE: "1" }),
    cluster.start({ LIMITS_SCALE: "1" }),
  ]);
  instance = one;
  strict = [other, third];
  const url = new URL((await testServices()).redisUrl);
  redis = await openRedis({ url, log: silentLog, name: "test" });
});
afterAll(async () => {
  await redis.close();
  await cluster[Symbol.asyncDispose]();
});

interface Shown {
  password?: string;
  code?: string;
  at?: Instance;
}

async function prove({ token }: Person, shown: Shown = {}): Promise<Answer> {
  const { password = PASSWORD, at = instance, ...code } = shown;
  const body = { password, transport: "body", ...code };
  return await call("POST", `${at.url}/v1/auth/reauthenticate`, { token, body });
}

async function change({ token }: Person, { password = PASSWORD, at = instance }: Shown = {}) {
  const body = { currentPassword: password, newPassword: NEW_PASSWORD };
  return await call("PUT", `${at.url}/v1/account/password`, { token, body });
}

function outcomeOf({ status, body }: Answer): string {
  return status < 400 ? String(status) : `${status} ${String(body["code"])}`;
}

test("all that asks a signed-in user for the password shares one count of wrong ones, on every instance", async () => {
  const lan = await signUp(instance.url, "Lan");
  const wrong: string[] = [];
  for (let turn = 0; turn < FREE_FAILURES; turn += 1) {
    const at = strict[turn % 2] ?? instance;
    const ask = turn % 4 < 2 ? prove : change;
    wrong.push(outcomeOf(await ask(lan, { password: WRONG, at })));
  }
  expect(wrong).toEqual(Array<string>(FREE_FAILURES).fill("401 invalid_credentials"));
  await hold(redis.client, cluster.redisPrefix, { policy: "account", ms: LONG_WAIT_MS });
  // Not even the right one is looked at, whoever of the two is asked, and from another session as little.
  const phone = await signIn(instance.url, lan);
  for (const at of strict)
    for (const person of [lan, phone])
      for (const answer of [await prove(person, { at }), await change(person, { at })]) {
        expect(outcomeOf(answer)).toBe("429 too_many_attempts");
        expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(1);
        expect(Object.keys(answer.body)).not.toContain("accessToken");
      }
});

test("of sixty wrong passwords in a row, hardly more than the free ones are looked at", async () => {
  const lan = await signUp(instance.url, "Lan");
  const began = performance.now();
  const answers: string[] = [];
  for (let turn = 0; turn < 60; turn += 1)
    answers.push(outcomeOf(await prove(lan, { password: WRONG, at: strict[0] })));
  const seconds = (performance.now() - began) / 1_000;
  const looked = answers.filter((answer) => answer === "401 invalid_credentials").length;
  expect(looked).toBeGreaterThanOrEqual(FREE_FAILURES);
  expect(looked).toBeLessThanOrEqual(FREE_FAILURES + Math.floor(Math.log2(1 + seconds)));
  expect(answers.filter((answer) => answer === "429 too_many_attempts")).toHaveLength(60 - looked);
});

test("a right password forgives the wrong ones, and one user's do not slow down another", async () => {
  const [lan, minh] = [await signUp(instance.url, "Lan"), await signUp(instance.url, "Minh")];
  const at = strict[0];
  for (let turn = 1; turn < FREE_FAILURES; turn += 1) await prove(lan, { password: WRONG, at });
  expect(outcomeOf(await prove(minh, { at }))).toBe("200");
  expect(outcomeOf(await prove(lan, { at }))).toBe("200");
  for (let turn = 0; turn < 3; turn += 1)
    expect(outcomeOf(await prove(lan, { password: WRONG, at }))).toBe("401 invalid_credentials");
});

test("a right password with a wrong code counts as a wrong try, as at the sign-in", async () => {
  const lan = await signUp(instance.url, "Lan");
  const app = await enableApp(instance.url, lan, cluster.database);
  const at = strict[1];
  expect(outcomeOf(await prove(lan, { code: wrongCodeOf(app), at }))).toBe("401 totp_invalid");
  await hold(redis.client, cluster.redisPrefix, { policy: "account", ms: LONG_WAIT_MS });
  expect(outcomeOf(await change(lan, { at }))).toBe("429 too_many_attempts");
});

test("two hundred proofs at once by one user take two places, and keep nobody else from signing in", async () => {
  const [lan, minh] = [await signUp(instance.url, "Lan"), await signUp(instance.url, "Minh")];
  const answers: Answer[] = [];
  let proofs: Promise<Answer>[] = [];
  await cluster.database.sql.begin(async (tx) => {
    // Nobody is done before all of them have come.
    await tx`select 1 from app.accounts where user_id = ${lan.id} for update`;
    proofs = Array.from({ length: 200 }, async () => {
      const answer = await prove(lan);
      answers.push(answer);
      return answer;
    });
    const bystander = { email: minh.email, password: PASSWORD };
    const login = await call("POST", `${instance.url}/v1/auth/login`, { body: bystander });
    expect(outcomeOf(login)).toBe("200");
    await until("the others to be refused", () => answers.length >= 200 - MAX_AT_ONCE);
    expect(outcomeOf(await change(lan))).toBe("429 too_many_attempts");
  });
  const all = await Promise.all(proofs);
  const refused = all.filter((answer) => outcomeOf(answer) === "429 too_many_attempts");
  expect(refused).toHaveLength(200 - MAX_AT_ONCE);
  for (const { headers } of refused) expect(headers.get("retry-after")).toBe("1");
  expect(all.filter(({ status }) => status === 200)).toHaveLength(MAX_AT_ONCE);
  // Every place is free again.
  for (let turn = 0; turn <= MAX_AT_ONCE; turn += 1)
    expect(outcomeOf(await prove(lan))).toBe("200");
});

test.each([
  ["another password refuses", "a different one", "401 invalid_credentials"],
  ["a new hash of the same one lets through", PASSWORD, "200"],
])("what comes to stand while a proof waits decides: %s", async (_what, password, expected) => {
  const [lan, other] = [
    await signUp(instance.url, "Lan"),
    await signUp(instance.url, "Other", password),
  ];
  const { sql } = cluster.database;
  // From now on the session is read from its copy, so that only the proof itself has to wait.
  expect((await call("GET", `${instance.url}/v1/me`, { token: lan.token })).status).toBe(200);
  let proof: Promise<Answer> | undefined;
  await sql.begin(async (tx) => {
    await tx`select 1 from app.accounts where user_id = ${lan.id} for update`;
    await tx`select 1 from app.sessions where user_id = ${lan.id} for update`;
    proof = prove(lan);
    await until("the proof to wait", async () => {
      const waiting = await sql`
        select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
      return waiting.length > 0;
    });
    await tx`update app.accounts set password_hash =
      (select password_hash from app.accounts where user_id = ${other.id})
      where user_id = ${lan.id}`;
  });
  if (!proof) throw new Error("Cannot judge the proof: it was not asked for");
  const answer = await proof;
  expect(outcomeOf(answer)).toBe(expected);
  expect(Object.keys(answer.body).includes("accessToken")).toBe(expected === "200");
  const [row] = await sql`select refresh_counter as n from app.sessions where user_id = ${lan.id}`;
  expect(Number(row?.["n"])).toBe(expected === "200" ? 1 : 0);
});
