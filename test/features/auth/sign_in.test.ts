import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, PASSWORD, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";

let cluster: Cluster;
let instance: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  instance = await cluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function newcomer(fields: object = {}) {
  const email = `${Bun.randomUUIDv7()}@example.com`;
  return { email, password: PASSWORD, displayName: "Lan", ...fields };
}

function register(body: object, headers: Record<string, string> = {}) {
  return call("POST", `${instance.url}/v1/auth/register`, { body, headers });
}

function login(body: object, headers: Record<string, string> = {}) {
  return call("POST", `${instance.url}/v1/auth/login`, { body, headers });
}

test("registering answers 201 with the user and a cookie that only this host can get", async () => {
  const body = newcomer();
  const answer = await register(body, { "accept-language": "en" });
  expect(answer.status).toBe(201);
  expect(answer.headers.get("location")).toBe("/v1/me");
  expect(answer.headers.get("cache-control")).toContain("no-store");
  expect(answer.body as object).toEqual({
    user: {
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      email: body.email,
      emailVerified: false,
      displayName: "Lan",
      role: "user",
      tier: "free",
      locale: "en",
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    },
    accessToken: expect.any(String),
    expiresIn: expect.any(Number),
  });
  const [pair = "", ...attributes] = (answer.headers.get("set-cookie") ?? "").split("; ");
  expect(pair).toMatch(/^__Host-frm_refresh=frt1_[\w-]+$/);
  expect(attributes.map((attribute) => attribute.toLowerCase()).toSorted()).toEqual([
    "httponly",
    "max-age=1209600",
    "path=/",
    "samesite=strict",
    "secure",
  ]);
});

test("a native client gets the refresh token in the body and no cookie", async () => {
  const answer = await register(newcomer({ transport: "body" }));
  expect(answer.status).toBe(201);
  expect(String(answer.body["refreshToken"])).toStartWith("frt1_");
  expect(answer.headers.get("set-cookie")).toBeNull();
});

test("a page never gets the refresh token in the body", async () => {
  const origin = { origin: instance.url };
  const body = newcomer({ transport: "body" });
  const refused = await register(body, origin);
  expect([refused.status, refused.body["code"]]).toEqual([403, "origin_not_allowed"]);
  await register(body);
  const again = await login(
    { email: body.email, password: PASSWORD, transport: "body" },
    { origin: "https://evil.example" },
  );
  expect([again.status, again.body["code"]]).toEqual([403, "origin_not_allowed"]);
  expect(again.headers.get("set-cookie")).toBeNull();
});

test.each(["https://evil.example", "null", "http://localhost.evil.example"])(
  "a page of %s opens no account and signs nobody in",
  async (origin) => {
    const body = newcomer();
    const refused = [await register(body, { origin })];
    expect((await register(body, { origin: instance.url })).status).toBe(201);
    const credentials = { email: body.email, password: PASSWORD };
    refused.push(await login(credentials, { origin }));
    refused.push(await login({ ...credentials, transport: "cookie" }, { origin }));
    for (const answer of refused) {
      expect([answer.status, String(answer.body["code"])]).toEqual([403, "origin_not_allowed"]);
      expect(answer.headers.get("set-cookie")).toBeNull();
      expect(Object.keys(answer.body)).not.toContain("accessToken");
    }
    const rows = await cluster.database.sql`
      select 1 from app.sessions join app.accounts using (user_id) where email = ${body.email}`;
    expect(rows).toHaveLength(1);
    expect((await login(credentials, { origin: instance.url })).status).toBe(200);
  },
);

test("a taken address answers 409 in any spelling and leaves no half-made user", async () => {
  const body = newcomer();
  await register(body);
  const displayName = `Thief ${Bun.randomUUIDv7()}`;
  const answers = await Promise.all(
    [body.email, body.email.toUpperCase()].map((email) =>
      register({ ...body, email, displayName }),
    ),
  );
  for (const answer of answers) {
    expect([answer.status, answer.body["code"]]).toEqual([409, "already_exists"]);
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(JSON.stringify(answer.body)).not.toContain(body.email);
  }
  const { sql } = cluster.database;
  const [counts] = await sql`
    select (select count(*)::int from app.users where display_name = ${displayName}) as users,
           (select count(*)::int from app.accounts where email = ${body.email}) as accounts,
           (select count(*)::int from app.sessions s join app.accounts a using (user_id)
             where a.email = ${body.email}) as sessions`;
  expect({ ...counts }).toEqual({ users: 0, accounts: 1, sessions: 1 });
});

test("ten registrations of one address at once make one user", async () => {
  const body = newcomer({ displayName: `Twin ${Bun.randomUUIDv7()}` });
  const answers = await Promise.all(Array.from({ length: 10 }, () => register(body)));
  const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
  expect(statuses).toEqual([201, ...Array.from({ length: 9 }, () => 409)]);
  const { sql } = cluster.database;
  const rows = await sql`select id from app.users where display_name = ${body.displayName}`;
  expect(rows).toHaveLength(1);
});

test("no password is stored as it was typed", async () => {
  const { id } = await signUp(instance.url);
  const { sql } = cluster.database;
  const [row] = await sql`select password_hash as hash from app.accounts where user_id = ${id}`;
  expect(String(row?.["hash"])).toStartWith("$argon2id$");
});

test("login answers 200, and a wrong password and an unknown address the same 401", async () => {
  const body = newcomer();
  await register(body);
  const right = await login({ email: ` ${body.email.toUpperCase()} `, password: PASSWORD });
  expect(right.status).toBe(200);
  expect(right.headers.get("set-cookie")).toStartWith("__Host-frm_refresh=frt1_");
  expect((right.body["user"] as unknown as { email: string }).email).toBe(body.email);
  const refused = await Promise.all([
    login({ email: body.email, password: `${PASSWORD}!` }),
    login({ email: `nobody.${body.email}`, password: PASSWORD }),
  ]);
  const [wrong, unknown] = refused.map(({ status, headers, body: problem }) => ({
    status,
    challenge: headers.get("www-authenticate"),
    cookie: headers.get("set-cookie"),
    problem: { ...problem, instance: "", requestId: "" },
  }));
  expect(wrong).toEqual(unknown as NonNullable<typeof unknown>);
  expect(wrong).toMatchObject({ status: 401, cookie: null });
  expect(wrong?.challenge).toStartWith("Bearer");
  expect(String(refused[0]?.body["code"])).toBe("invalid_credentials");
});

test.each([
  ["no password", { password: undefined }],
  ["a short password", { password: "1234567" }],
  ["an address without a host", { email: "lan" }],
  ["an empty name", { displayName: "" }],
  ["an unknown field", { role: "admin" }],
  ["an unknown transport", { transport: "url" }],
  ["a number for an address", { email: 1 }],
])("registering with %s answers 422", async (_what, fields) => {
  const answer = await register(newcomer(fields));
  expect([answer.status, answer.body["code"]]).toEqual([422, "validation_failed"]);
});

test("GET /v1/me answers the signed-in user alone", async () => {
  const [lan, minh] = [await signUp(instance.url, "Lan"), await signUp(instance.url, "Minh")];
  for (const person of [lan, minh]) {
    const me = await call("GET", `${instance.url}/v1/me`, { token: person.token });
    expect(me.status).toBe(200);
    expect(me.body as object).toMatchObject({ id: person.id, email: person.email });
    expect(Object.keys(me.body)).not.toContain("passwordHash");
  }
});

test("a request without a good access token answers 401 with a challenge and no detail", async () => {
  const { token, refreshToken } = await signUp(instance.url);
  const [head = "", payload = "", signature = ""] = token.split(".");
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url");
  const cases: [string, Record<string, string>, string][] = [
    ["nothing", {}, "unauthenticated"],
    ["another scheme", { authorization: "Basic bGFuOmxhbg==" }, "unauthenticated"],
    ["an empty token", { authorization: "Bearer " }, "unauthenticated"],
    ["no token", { authorization: "Bearer nonsense" }, "token_invalid"],
    ["a refresh token", { authorization: `Bearer ${refreshToken}` }, "token_invalid"],
    ["another signature", bearer(head, payload, flipped(signature)), "token_invalid"],
    ["another payload", bearer(head, flipped(payload), signature), "token_invalid"],
    ["no signature", bearer(none, payload, ""), "token_invalid"],
  ];
  for (const [what, headers, code] of cases) {
    const answer = await call("GET", `${instance.url}/v1/me`, { headers });
    expect([what, answer.status, String(answer.body["code"])]).toEqual([what, 401, code]);
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="frm-ai"');
    expect(answer.headers.get("content-type")).toStartWith("application/problem+json");
    expect(answer.headers.get("cache-control")).toContain("no-store");
  }
});

function bearer(...parts: string[]): Record<string, string> {
  return { authorization: `Bearer ${parts.join(".")}` };
}

/** The same text with one bit of its tenth character changed. */
function flipped(text: string): string {
  return `${text.slice(0, 10)}${text[10] === "A" ? "B" : "A"}${text.slice(11)}`;
}

test("a password that is changed while its old form signs in opens no session", async () => {
  const lan = await signUp(instance.url);
  const { sql } = cluster.database;
  const release = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const newHash = await Bun.password.hash("another long password", {
    algorithm: "argon2id",
    memoryCost: 19_456,
    timeCost: 2,
  });
  const changing = sql.begin(async (tx) => {
    await tx`update app.accounts set password_hash = ${newHash} where user_id = ${lan.id}`;
    held.resolve();
    await release.promise;
  });
  await held.promise;
  const signingIn = call("POST", `${instance.url}/v1/auth/login`, {
    body: { email: lan.email, password: PASSWORD, transport: "body" },
  });
  await until("the sign-in to wait for the account", async () => {
    const waiting = await sql`
      select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like '%accounts%'`;
    return waiting.length > 0;
  });
  release.resolve();
  await changing;
  const answer = await signingIn;
  expect([answer.status, String(answer.body["code"])]).toEqual([401, "invalid_credentials"]);
  const rows = await sql`select 1 from app.sessions where user_id = ${lan.id}`;
  expect(rows).toHaveLength(1);
});
