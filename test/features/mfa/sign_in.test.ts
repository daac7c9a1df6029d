import { afterAll, beforeAll, expect, test } from "bun:test";

import {
  type Answer,
  call,
  PASSWORD,
  type Person,
  sessionOf,
  signUp,
} from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { linkTo } from "../../support/mailed_links.ts";
import {
  type App,
  codeOf,
  enableApp,
  forgetCodes,
  logInWith,
  wrongCodeOf,
} from "../../support/totp.ts";

/** More than there are guesses, and few enough for the line of the hashes. */
const LOGINS = 20;

let cluster: Cluster;
let one: Instance;
let two: Instance;

beforeAll(async () => {
  cluster = await openCluster();
  one = await cluster.start();
  two = await cluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

async function guarded(): Promise<{ lan: Person; app: App }> {
  const lan = await signUp(one.url, "Lan");
  return { lan, app: await enableApp(one.url, lan, cluster.database) };
}

function outcomeOf({ status, body }: Answer): string {
  return status === 200 ? "200" : `${status} ${String(body["code"])}`;
}

function counted(answers: string[]): Record<string, number> {
  return Object.fromEntries(
    Object.entries(Object.groupBy(answers, (answer) => answer)).map(([answer, all]) => [
      answer,
      all?.length ?? 0,
    ]),
  );
}

async function methodsOf(answer: Answer): Promise<string[]> {
  const id = sessionOf(String(answer.body["accessToken"]));
  const [row] = await cluster.database.sql<{ methods: string[] }[]>`
    select methods from app.sessions where id = ${id}`;
  return row?.methods ?? [];
}

test("the right password asks for a code, a wrong one never tells that there is one", async () => {
  const { lan, app } = await guarded();
  expect(outcomeOf(await logInWith(two.url, lan))).toBe("401 totp_required");
  const body = { email: lan.email, password: "another one", code: codeOf(app, 1) };
  expect(outcomeOf(await call("POST", `${two.url}/v1/auth/login`, { body }))).toBe(
    "401 invalid_credentials",
  );
  const right = await logInWith(two.url, lan, codeOf(app, 1));
  expect(outcomeOf(right)).toBe("200");
  expect(await methodsOf(right)).toEqual(["password", "totp"]);
});

test("a refusal at the second step hands out no session, no token and no cookie", async () => {
  const { lan, app } = await guarded();
  const before = await cluster.database.sql`select id from app.sessions where user_id = ${lan.id}`;
  for (const code of [undefined, wrongCodeOf(app)]) {
    const body = { email: lan.email, password: PASSWORD, ...(code ? { code } : {}) };
    const answer = await call("POST", `${one.url}/v1/auth/login`, { body });
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(JSON.stringify(answer.body)).not.toMatch(/token"|frt1_/i);
  }
  const after = await cluster.database.sql`select id from app.sessions where user_id = ${lan.id}`;
  expect(after).toHaveLength(before.length);
});

test("whoever has no second factor signs in as ever, with or without a code", async () => {
  const minh = await signUp(one.url, "Minh");
  const answers = [await logInWith(two.url, minh), await logInWith(two.url, minh, "123456")];
  expect(answers.map(outcomeOf)).toEqual(["200", "200"]);
  for (const answer of answers) expect(await methodsOf(answer)).toEqual(["password"]);
});

test("a code that was used is refused on the other instance, and so is an older one", async () => {
  const { lan, app } = await guarded();
  const code = codeOf(app, 1);
  expect(outcomeOf(await logInWith(one.url, lan, code))).toBe("200");
  expect(outcomeOf(await logInWith(two.url, lan, code))).toBe("401 totp_invalid");
  expect(outcomeOf(await logInWith(two.url, lan, codeOf(app)))).toBe("401 totp_invalid");
});

test("of one code that comes many times at once, on two instances, one sign-in is made", async () => {
  const { lan, app } = await guarded();
  const code = codeOf(app, 1);
  const answers = await Promise.all(
    Array.from({ length: LOGINS }, (_, at) =>
      logInWith(at % 2 === 0 ? one.url : two.url, lan, code),
    ),
  );
  const outcomes = counted(answers.map(outcomeOf));
  expect(outcomes["200"]).toBe(1);
  expect(outcomes["401 totp_invalid"]).toBeLessThanOrEqual(5);
});

test("a recovery code works once, however it is written and however many use it at once", async () => {
  const { lan, app } = await guarded();
  const [first = "", second = ""] = app.recoveryCodes;
  const answers = await Promise.all(
    Array.from({ length: LOGINS }, (_, at) =>
      logInWith(at % 2 === 0 ? one.url : two.url, lan, at % 3 === 0 ? first.toUpperCase() : first),
    ),
  );
  expect(counted(answers.map(outcomeOf))["200"]).toBe(1);
  await forgetCodes(cluster.database, lan);
  expect(outcomeOf(await logInWith(two.url, lan, first))).toBe("401 totp_invalid");
  const spaced = await logInWith(two.url, lan, ` ${second.replaceAll("-", " ")} `);
  expect([outcomeOf(spaced), await methodsOf(spaced)]).toEqual([
    "200",
    ["password", "recovery_code"],
  ]);
  const { body } = await call("GET", `${one.url}/v1/account/totp`, { token: lan.token });
  expect(body["recoveryCodesLeft"]).toBe(8);
});

test("of 200 guesses at once on two instances five are looked at, and the right code is no exception then", async () => {
  const { lan, app } = await guarded();
  const wrong = wrongCodeOf(app);
  const guess = async (at: number) => {
    const { url } = at % 2 === 0 ? one : two;
    const body = { code: wrong };
    return await call("DELETE", `${url}/v1/account/totp`, { token: lan.token, body });
  };
  const answers = await Promise.all(Array.from({ length: 200 }, (_, at) => guess(at)));
  const outcomes = counted(answers.map(outcomeOf));
  expect(outcomes["401 totp_invalid"]).toBe(5);
  // On a machine that has much else to do, some of those that wait for their turn give up.
  const refusals = ["401 totp_invalid", "429 too_many_attempts", "503 overloaded"];
  expect(Object.keys(outcomes).filter((outcome) => !refusals.includes(outcome))).toEqual([]);
  const last = await logInWith(two.url, lan, codeOf(app, 1));
  expect(outcomeOf(last)).toBe("429 too_many_attempts");
  expect(Number(last.headers.get("retry-after"))).toBeWithin(240, 301);
  // A sign-in that is refused spends neither the code nor the way that is left to the owner.
  expect(outcomeOf(await logInWith(two.url, lan, app.recoveryCodes[0]))).toBe("200");
  await forgetCodes(cluster.database, lan);
  expect(outcomeOf(await logInWith(one.url, lan, codeOf(app)))).toBe("200");
});

test("guesses at sign-in, at step-up and at turning it off are counted together", async () => {
  const { lan, app } = await guarded();
  const code = wrongCodeOf(app);
  const prove = () =>
    call("POST", `${one.url}/v1/auth/reauthenticate`, {
      token: lan.token,
      body: { password: PASSWORD, code },
    });
  const off = () =>
    call("DELETE", `${two.url}/v1/account/totp`, { token: lan.token, body: { code } });
  const outcomes = [
    outcomeOf(await logInWith(one.url, lan, code)),
    outcomeOf(await prove()),
    outcomeOf(await off()),
    outcomeOf(await logInWith(two.url, lan, code)),
    outcomeOf(await off()),
    outcomeOf(await prove()),
  ];
  expect(outcomes).toEqual([
    ...Array.from({ length: 5 }, () => "401 totp_invalid"),
    "429 too_many_attempts",
  ]);
});

test("neither a missing code nor a right one spends a guess", async () => {
  const { lan, app } = await guarded();
  for (let turn = 0; turn < 6; turn += 1) {
    expect(outcomeOf(await logInWith(one.url, lan))).toBe("401 totp_required");
    expect(outcomeOf(await logInWith(one.url, lan, codeOf(app, 1)))).toBe("200");
    await forgetCodesOnly(lan);
  }
  expect(outcomeOf(await logInWith(one.url, lan, wrongCodeOf(app)))).toBe("401 totp_invalid");
});

test("a new password by mail takes no second factor away", async () => {
  const { lan, app } = await guarded();
  await call("POST", `${one.url}/v1/account/password/forgotten`, { body: { email: lan.email } });
  const subject = /Đặt mật khẩu mới|Set a new password/;
  const token = await linkTo(cluster.dataDir, lan.email, subject);
  const password = "eight silver rivers";
  const reset = await call("POST", `${two.url}/v1/account/password/reset`, {
    body: { token, password },
  });
  expect(reset.status).toBe(204);
  const logIn = (more: object) =>
    call("POST", `${two.url}/v1/auth/login`, { body: { email: lan.email, password, ...more } });
  expect(outcomeOf(await logIn({}))).toBe("401 totp_required");
  expect(outcomeOf(await logIn({ code: codeOf(app, 1) }))).toBe("200");
});

/** As if no code had been used yet; the count of wrong ones stays. */
async function forgetCodesOnly({ id }: Person): Promise<void> {
  await cluster.database.sql`update app.totp_secrets set last_step = 0 where user_id = ${id}`;
}

test("a failure of ours spends neither a guess nor a code", async () => {
  const { lan, app } = await guarded();
  const { sql } = cluster.database;
  const counts = () => sql`
    select last_step, code_failures_until from app.totp_secrets where user_id = ${lan.id}`;
  const before = await counts();
  // Everything after the code is broken, so the sign-in fails when the code has been accepted already.
  await sql`revoke insert on app.sessions from frm_auth`;
  try {
    expect((await logInWith(one.url, lan, codeOf(app, 1))).status).toBe(500);
    expect((await logInWith(two.url, lan, app.recoveryCodes[0])).status).toBe(500);
  } finally {
    await sql`grant insert on app.sessions to frm_auth`;
  }
  expect(await counts()).toEqual(before);
  expect(outcomeOf(await logInWith(two.url, lan, codeOf(app, 1)))).toBe("200");
  expect(outcomeOf(await logInWith(one.url, lan, app.recoveryCodes[0]))).toBe("200");
});
