import { afterAll, beforeAll, expect, test } from "bun:test";

import { createTokens, generateSigningKey } from "../../../src/platform/tokens.ts";
import {
  type Answer,
  call,
  PASSWORD,
  type Person,
  sessionOf,
  signUp,
} from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openSocket } from "../../support/socket.ts";

let cluster: Cluster;
let first: Instance;
let second: Instance;
let key: Awaited<ReturnType<typeof generateSigningKey>>;

beforeAll(async () => {
  cluster = await openCluster();
  key = await generateSigningKey();
  const env = { JWT_KEYS: JSON.stringify([key]) };
  [first, second] = await Promise.all([cluster.start(env), cluster.start(env)]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

type Request = Parameters<typeof call>[2];

async function logout(options: Request, url = first.url): Promise<Answer> {
  return await call("POST", `${url}/v1/auth/logout`, options);
}

function expectLoggedOut(answer: Answer): void {
  expect(answer.status).toBe(204);
  const [pair, ...attributes] = (answer.headers.get("set-cookie") ?? "").split("; ");
  expect(pair).toBe("__Host-frm_refresh=");
  expect(attributes.map((attribute) => attribute.toLowerCase()).toSorted()).toEqual([
    "httponly",
    "max-age=0",
    "path=/",
    "samesite=strict",
    "secure",
  ]);
}

/** The next request of the session on each instance is refused already, and so is its refresh token. */
async function expectEnded({ token, refreshToken }: Pick<Person, "token" | "refreshToken">) {
  for (const { url } of [first, second]) {
    const me = await call("GET", `${url}/v1/me`, { token });
    expect([me.status, String(me.body["code"])]).toEqual([401, "session_revoked"]);
    const again = await call("POST", `${url}/v1/auth/refresh`, { body: { refreshToken } });
    expect([again.status, String(again.body["code"])]).toEqual([401, "session_revoked"]);
  }
}

/** Both instances have answered the session before, so that each may hold on to it. */
async function warm(token: string): Promise<void> {
  for (const { url } of [first, second])
    expect((await call("GET", `${url}/v1/me`, { token })).status).toBe(200);
}

test("logout with the access token ends the session on both instances and its sockets", async () => {
  const lan = await signUp(first.url);
  await warm(lan.token);
  const sockets = await Promise.all([
    openSocket(first.url, lan.token),
    openSocket(second.url, lan.token),
  ]);
  expectLoggedOut(await logout({ token: lan.token }));
  await expectEnded(lan);
  for (const socket of sockets) expect((await socket.closed).code).toBe(4401);
});

test("logout with the refresh token in the body ends the session", async () => {
  const lan = await signUp(first.url);
  await warm(lan.token);
  const socket = await openSocket(second.url, lan.token);
  expectLoggedOut(await logout({ body: { refreshToken: lan.refreshToken } }));
  await expectEnded(lan);
  expect((await socket.closed).code).toBe(4401);
});

test("logout with the cookie ends the session for our own page alone", async () => {
  const lan = await signUp(first.url);
  const login = await call("POST", `${first.url}/v1/auth/login`, {
    body: { email: lan.email, password: PASSWORD },
  });
  const cookie = (login.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const token = String(login.body["accessToken"]);
  await warm(token);
  for (const headers of [{}, { "x-frm-csrf": "1", origin: "https://evil.example" }]) {
    const refused = await logout({ headers: { ...headers, cookie } });
    expect([refused.status, String(refused.body["code"])]).toEqual([403, "csrf_rejected"]);
    expect(refused.headers.get("set-cookie")).toBeNull();
  }
  await warm(token);
  const own = { "x-frm-csrf": "1", origin: first.url };
  expectLoggedOut(await logout({ headers: { ...own, cookie } }));
  await expectEnded({ token, refreshToken: cookie.slice(cookie.indexOf("=") + 1) });
  expect((await call("GET", `${first.url}/v1/me`, { token: lan.token })).status).toBe(200);
});

test("logout ends the device's session alone, and its socket alone", async () => {
  const lan = await signUp(first.url);
  const other = await call("POST", `${second.url}/v1/auth/login`, {
    body: { email: lan.email, password: PASSWORD, transport: "body" },
  });
  const token = String(other.body["accessToken"]);
  const socket = await openSocket(first.url, lan.token);
  const kept = await openSocket(first.url, token);
  expectLoggedOut(await logout({ token: lan.token }, second.url));
  expect((await socket.closed).code).toBe(4401);
  await warm(token);
  kept.send({ t: "hb", i: 9 });
  await kept.next((frame) => frame.t === "hb.ok" && frame.i === 9);
});

test("logout twice, or without any token, answers 204", async () => {
  const lan = await signUp(first.url);
  const { refreshToken } = lan;
  expectLoggedOut(await logout({ body: { refreshToken } }));
  expectLoggedOut(await logout({ body: { refreshToken } }));
  expectLoggedOut(await logout({ token: lan.token }));
  expectLoggedOut(await logout({}));
  expectLoggedOut(await logout({ body: { refreshToken: "frt1_nonsense" } }));
});

test.each([
  ["no content type", {}],
  ["JSON", { "content-type": "application/json" }],
  ["a form", { "content-type": "application/x-www-form-urlencoded" }],
  ["text", { "content-type": "text/plain" }],
])("an empty body that claims to be %s is no body", async (_what, headers) => {
  const { token } = await signUp(first.url);
  expectLoggedOut(await logout({ token, headers: { ...headers, "content-length": "0" } }));
  const more = await signUp(first.url);
  expectLoggedOut(await logout({ token: more.token, headers, body: "" }));
});

test("a form of another site, which comes without the cookie, takes none out of the browser", async () => {
  for (const origin of ["https://evil.example", "null"]) {
    const answer = await logout({ headers: { origin } });
    expect(answer.status).toBe(204);
    expect(answer.headers.has("set-cookie")).toBe(false);
    expect(answer.headers.has("clear-site-data")).toBe(false);
  }
});

/** The access token of a session as it was a day ago. */
async function expiredOf({ id }: Person, token: string): Promise<string> {
  const yesterday = () => new Date(performance.timeOrigin - 86_400_000);
  const ids = { userId: id, sessionId: sessionOf(token), counter: 0 };
  return (await createTokens([key], yesterday).sign(ids)).token;
}

async function openCookie({ email }: Person): Promise<{ cookie: string; token: string }> {
  const login = await call("POST", `${first.url}/v1/auth/login`, {
    body: { email, password: PASSWORD },
  });
  const cookie = (login.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  return { cookie, token: String(login.body["accessToken"]) };
}

test("with an access token that has expired, a living refresh token ends the session all the same", async () => {
  const lan = await signUp(first.url);
  const { cookie, token } = await openCookie(lan);
  await warm(token);
  const own = { cookie, "x-frm-csrf": "1", origin: first.url };
  expectLoggedOut(await logout({ token: await expiredOf(lan, token), headers: own }));
  await expectEnded({ token, refreshToken: cookie.slice(cookie.indexOf("=") + 1) });
  const { refreshToken } = lan;
  await warm(lan.token);
  expectLoggedOut(await logout({ token: await expiredOf(lan, lan.token), body: { refreshToken } }));
  await expectEnded(lan);
});

test("an access token that has expired lets no other page use the cookie, and alone it ends nothing", async () => {
  const lan = await signUp(first.url);
  const { cookie, token } = await openCookie(lan);
  const expired = await expiredOf(lan, token);
  const foreign = { "x-frm-csrf": "1", origin: "https://evil.example" };
  const refused: [Answer, number, string][] = [
    [await logout({ token: expired, headers: { cookie } }), 403, "csrf_rejected"],
    [await logout({ token: expired, headers: { cookie, ...foreign } }), 403, "csrf_rejected"],
    [await logout({ token: expired }), 401, "token_expired"],
    [await logout({ token: expired, headers: foreign }), 401, "token_expired"],
  ];
  for (const [{ status, body, headers }, ...expected] of refused) {
    expect([status, String(body["code"])]).toEqual(expected);
    expect(headers.get("set-cookie")).toBeNull();
  }
  await warm(token);
});

test("any other bad access token is refused, whatever good token comes with it", async () => {
  const lan = await signUp(first.url);
  const { cookie, token } = await openCookie(lan);
  const own = { cookie, "x-frm-csrf": "1", origin: first.url };
  const other = await createTokens([await generateSigningKey()], () => new Date()).sign({
    userId: lan.id,
    sessionId: sessionOf(token),
    counter: 0,
  });
  const { refreshToken } = lan;
  for (const bad of ["made-up", other.token])
    for (const more of [{ headers: own }, { body: { refreshToken } }]) {
      const answer = await logout({ token: bad, ...more });
      expect([answer.status, String(answer.body["code"])]).toEqual([401, "token_invalid"]);
      expect(answer.headers.get("set-cookie")).toBeNull();
    }
  await warm(token);
  await warm(lan.token);
});
