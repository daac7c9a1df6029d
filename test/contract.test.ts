import { afterAll, beforeAll, expect, test } from "bun:test";

import { createTokens, generateSigningKey } from "../src/platform/tokens.ts";
import { call as ask, PASSWORD, type Person, sessionOf, signIn, signUp } from "./support/client.ts";
import {
  type Call,
  checkAnswer,
  type Got,
  listOutcomes,
  outcomeOf,
  send,
  shakeHands,
} from "./support/contract.ts";
import { accountScenarios } from "./support/contract_account.ts";
import { chatScenarios } from "./support/contract_chat.ts";
import { lifecycleScenarios } from "./support/contract_lifecycle.ts";
import { messageScenarios } from "./support/contract_messages.ts";
import { realtimeScenarios } from "./support/contract_realtime.ts";
import { safetyScenarios } from "./support/contract_safety.ts";
import { bannedLogin, staffScenarios } from "./support/contract_staff.ts";
import { totpScenarios } from "./support/contract_totp.ts";
import { type Cluster, type Instance, openCluster } from "./support/instance.ts";
import { type Document, type Listed, listOperations } from "./support/openapi.ts";

/** By operationId, a call for each outcome that is the operation's own; the first one is its ordinary success. */
type Scenarios = Record<string, Record<string, () => Call | Promise<Call>>>;

/** What nothing that a caller sends can bring about, and where it is tested instead. */
const NOT_PROVOKED: [outcome: RegExp, where: string][] = [
  [/^500 internal$/, "test/platform/problems.test.ts"],
  [/^503 (?:overloaded|dependency_unavailable)$/, "test/platform/database.test.ts"],
  [/^503$/, "test/features/health/ready.test.ts"],
  [/^403 https_required$/, "test/platform/http/production.test.ts"],
];
const LARGER_THAN_ANY_BODY = 1_048_577;
const HUNDREDS_OF_CALLS_MS = 120_000;

let cluster: Cluster;
let server: Instance;
/** Admits one failure of a caller, and then no more; callers are told apart by X-Forwarded-For. */
let strict: Instance;
let document: Document;
let operations: Listed[];
let scenarios: Scenarios;
let lan: Person;
let bad: { expired: string; revoked: string };

beforeAll(async () => {
  const key = await generateSigningKey();
  cluster = await openCluster();
  const env = { JWT_KEYS: JSON.stringify([key]) };
  server = await cluster.start(env);
  strict = await cluster.start({ ...env, LIMITS_SCALE: "0.01", TRUSTED_PROXIES: "127.0.0.1" });
  lan = await signUp(server.url, "Lan");
  const gone = await signUp(server.url, "Gone");
  await ask("POST", `${server.url}/v1/auth/logout`, { token: gone.token });
  const yesterday = () => new Date(performance.timeOrigin - 86_400_000);
  const { token: expired } = await createTokens([key], yesterday).sign({
    userId: lan.id,
    sessionId: crypto.randomUUID(),
    counter: 0,
  });
  bad = { expired, revoked: gone.token };
  document = (await ask("GET", `${server.url}/swagger/json`)).body as unknown as Document;
  operations = listOperations(document);
  const totp = totpScenarios({ url: server.url, sql: cluster.database.sql });
  const chatStage = { owner: lan, strictUrl: strict.url, sql: cluster.database.sql };
  scenarios = {
    ...authScenarios(gone, totp),
    ...(await chatScenarios(server.url, chatStage)),
    ...(await messageScenarios(server.url, chatStage)),
    ...(await safetyScenarios(server.url, chatStage)),
    ...(await staffScenarios(server.url, cluster.database.sql)),
    ...accountScenarios({
      url: server.url,
      strictUrl: strict.url,
      dataDir: cluster.dataDir,
      sql: cluster.database.sql,
    }),
    ...lifecycleScenarios({
      url: server.url,
      strictUrl: strict.url,
      sql: cluster.database.sql,
    }),
    ...totp.own,
    ...realtimeScenarios({ url: server.url, strictUrl: strict.url, person: lan }),
    ...otherScenarios(),
  };
}, HUNDREDS_OF_CALLS_MS);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function newcomer(): object {
  return {
    email: `${crypto.randomUUID()}@example.com`,
    password: PASSWORD,
    displayName: "New",
    transport: "body",
  };
}

/** A call that the one before it has left no room for. */
async function onceMore(path: string, body: object): Promise<Call> {
  const headers = { "x-forwarded-for": "203.0.113.7" };
  await ask("POST", `${strict.url}${path}`, { body, headers });
  return { at: strict.url, body, headers };
}

/** A cookie as a browser would bring it, but without the header that only our own page adds. */
async function bareCookie(): Promise<Record<string, string>> {
  const login = await ask("POST", `${server.url}/v1/auth/login`, {
    body: { email: lan.email, password: PASSWORD },
  });
  return { cookie: login.headers.get("set-cookie")?.split(";")[0] ?? "" };
}

/** A refresh token that was replaced twice, this many seconds ago. */
async function usedUp(seconds: number): Promise<string> {
  const { id, refreshToken } = await signUp(server.url);
  let newest = refreshToken;
  for (let turn = 0; turn < 2; turn += 1) {
    const body = { refreshToken: newest };
    newest = String(
      (await ask("POST", `${server.url}/v1/auth/refresh`, { body })).body["refreshToken"],
    );
  }
  await cluster.database.sql`
    update app.sessions set refreshed_at = refreshed_at - make_interval(secs => ${seconds})
    where user_id = ${id}`;
  return refreshToken;
}
function authScenarios(gone: Person, totp: ReturnType<typeof totpScenarios>): Scenarios {
  const page = { origin: "https://elsewhere.example" };
  const credentials = { email: lan.email, password: PASSWORD };
  const ownPage = async () => ({ ...(await bareCookie()), "x-frm-csrf": "1", origin: server.url });
  return {
    register: {
      "201": () => ({ body: newcomer() }),
      "409 already_exists": () => ({ body: { ...newcomer(), email: lan.email } }),
      "403 origin_not_allowed": () => ({ body: newcomer(), headers: page }),
      "429 too_many_attempts": () => onceMore("/v1/auth/register", newcomer()),
    },
    login: {
      "200": () => ({ body: credentials }),
      "401 invalid_credentials": () => ({ body: { ...credentials, password: "another one" } }),
      ...totp.login,
      "403 account_banned": () => bannedLogin(server.url, cluster.database.sql),
      "403 origin_not_allowed": () => ({
        body: { ...credentials, transport: "body" },
        headers: page,
      }),
      "429 too_many_attempts": () =>
        onceMore("/v1/auth/login", { email: "nobody@example.com", password: "wrong" }),
    },
    refreshSession: {
      "200": async () => ({ headers: await ownPage() }),
      "401 unauthenticated": () => ({}),
      "401 token_invalid": () => ({ body: { refreshToken: "made-up" } }),
      "401 session_revoked": () => ({ body: { refreshToken: gone.refreshToken } }),
      "401 refresh_reused": async () => ({ body: { refreshToken: await usedUp(11) } }),
      "401 refresh_superseded": async () => ({ body: { refreshToken: await usedUp(0) } }),
      "403 csrf_rejected": async () => ({ headers: await bareCookie() }),
    },
    logout: {
      "204": async () => ({ token: (await signUp(server.url)).token }),
      "401 token_expired": () => ({ token: bad.expired }),
      "401 token_invalid": () => ({ token: "made-up" }),
      "403 csrf_rejected": async () => ({ headers: await bareCookie() }),
    },
    getMe: { "200": () => ({ token: lan.token }) },
    reauthenticate: {
      "200": () => ({ token: lan.token, body: { password: PASSWORD } }),
      "401 invalid_credentials": () => ({ token: lan.token, body: { password: "another one" } }),
      ...totp.reauthenticate,
    },
    listSessions: {
      "200": () => ({ token: lan.token, query: "?limit=1" }),
      "400 invalid_cursor": () => ({ token: lan.token, query: "?cursor=made.up" }),
    },
    endSession: {
      "204": async () => ({
        token: lan.token,
        params: { id: sessionOf((await signIn(server.url, lan)).token) },
      }),
      "404 not_found": () => ({ token: lan.token, params: { id: crypto.randomUUID() } }),
    },
    endSessions: { "204": () => ({ token: lan.token, query: "?scope=others" }) },
    listKeys: { "200": () => ({}) },
  };
}

function otherScenarios(): Scenarios {
  return {
    checkLive: { "200": () => ({}) },
    checkReady: { "200": () => ({}) },
  };
}

/** What every operation of its kind may answer, made from the operation's ordinary call. */
function commonScenarios({ method, operation }: Listed, usual: Call): [string, Call][] {
  const { token: _token, ...stranger } = usual;
  const signedIn = operation.security?.length === 1;
  const forOperators = operation.tags.includes("health");
  const body = "x".repeat(LARGER_THAN_ANY_BODY);
  const calls: [boolean, string, Call][] = [
    [signedIn, "401 unauthenticated", stranger],
    [signedIn, "401 token_invalid", { ...usual, token: "made-up" }],
    [signedIn, "401 token_expired", { ...usual, token: bad.expired }],
    [signedIn, "401 session_revoked", { ...usual, token: bad.revoked }],
    [method !== "GET", "413 payload_too_large", { ...usual, body }],
    [
      method !== "GET",
      "415 unsupported_media_type",
      { ...usual, body: "a=1", headers: { "content-type": "text/plain" } },
    ],
    [method !== "GET", "400 malformed_json", { ...usual, body: "{" }],
    [!forOperators, "421 misdirected_host", { ...usual, headers: { host: "elsewhere.example" } }],
    [!forOperators, "422 validation_failed", { ...usual, query: "?a=1&a=2" }],
  ];
  return calls.filter(([applies]) => applies).map(([, outcome, made]) => [outcome, made]);
}

async function answerTo(listed: Listed, outcome: string, made: Call): Promise<Got> {
  return outcome === "101"
    ? await shakeHands(server.url, listed)
    : await send(server.url, listed, made);
}

test("every documented operation has its scenarios, and no scenario is of another", () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(ids.length).toBeGreaterThan(10);
  expect(Object.keys(scenarios).toSorted()).toEqual(ids.toSorted());
});

test(
  "every documented operation answers what it documents: each status, code, header and field",
  async () => {
    const found: string[] = [];
    for (const listed of operations) {
      const { operationId } = listed.operation;
      const own = Object.entries(scenarios[operationId] ?? {});
      const seen = new Set<string>();
      const look = async (outcome: string, made: Call) => {
        const got = await answerTo(listed, outcome, made);
        seen.add(outcomeOf(got));
        const problems = checkAnswer(listed, got, document);
        if (outcomeOf(got) !== outcome) problems.push(`it is ${outcomeOf(got)}`);
        found.push(...problems.map((what) => `${operationId} ${outcome}: ${what}`));
      };
      for (const [outcome, make] of own) await look(outcome, await make());
      const usual = await own[0]?.[1]();
      for (const [outcome, made] of commonScenarios(listed, usual ?? {})) await look(outcome, made);
      const missing = listOutcomes(listed)
        .filter((outcome) => !seen.has(outcome))
        .filter((outcome) => !NOT_PROVOKED.some(([excused]) => excused.test(outcome)));
      found.push(...missing.map((outcome) => `${operationId} ${outcome}: nothing provokes it`));
    }
    expect(found).toEqual([]);
  },
  HUNDREDS_OF_CALLS_MS,
);

test("an input that breaks a documented limit is refused with the place of each fault", async () => {
  const listed = operations.find(({ operation }) => operation.operationId === "sendMessage");
  if (!listed) throw new Error("Cannot find sendMessage: it is not documented");
  const made = { token: lan.token, params: { id: "x" }, body: { clientId: 1, text: "" } };
  const got = await send(server.url, listed, made);
  expect([outcomeOf(got), checkAnswer(listed, got, document)]).toEqual([
    "422 validation_failed",
    [],
  ]);
});

test("an answer that breaks the contract is noticed", async () => {
  const [listed] = operations.filter(({ operation }) => operation.operationId === "getMe");
  if (!listed) throw new Error("Cannot find getMe: it is not documented");
  const got = await send(server.url, listed, { token: lan.token });
  const me = JSON.parse(got.text) as Record<string, unknown>;
  const { email: _email, ...less } = me;
  const bent = (body: object): Got => ({ ...got, text: JSON.stringify(body) });
  expect(checkAnswer(listed, got, document)).toEqual([]);
  expect(checkAnswer(listed, bent({ ...me, secret: 1 }), document)).toEqual([
    "/secret is not documented",
  ]);
  expect(checkAnswer(listed, bent(less), document)).toEqual(["/email is missing"]);
  expect(checkAnswer(listed, bent({ ...me, role: "king" }), document)).not.toEqual([]);
  expect(checkAnswer(listed, { ...got, status: 202 }, document)).toEqual([
    "the status 202 is not documented",
  ]);
  expect(checkAnswer(listed, { ...got, headers: new Headers() }, document)).toEqual([
    "the header X-Request-Id is missing",
    "the body is nothing, not application/json",
  ]);
});
