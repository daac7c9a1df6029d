import { afterAll, beforeAll, expect, test } from "bun:test";

import fc from "fast-check";

import { type Answer, call, converse, type Person, signUp } from "./support/client.ts";
import { type Cluster, type Instance, openCluster } from "./support/instance.ts";

/** Stands in everything hostile; it must be nowhere in an answer or in the log. */
const CANARY = "c4n4ry";
const CODES = new Set([
  "csrf_rejected",
  "invalid_credentials",
  "invalid_cursor",
  "malformed_json",
  "not_found",
  "not_a_group",
  "origin_not_allowed",
  "payload_too_large",
  "subprotocol_required",
  "token_invalid",
  "unauthenticated",
  "unsupported_media_type",
  "validation_failed",
]);

interface Route {
  method: string;
  /** Every `:name` is a place for a hostile parameter. */
  path: string;
  signedIn: boolean;
  body: boolean;
}

const ROUTES: Route[] = [
  { method: "POST", path: "/v1/auth/register", signedIn: false, body: true },
  { method: "POST", path: "/v1/auth/login", signedIn: false, body: true },
  { method: "POST", path: "/v1/auth/refresh", signedIn: false, body: true },
  { method: "POST", path: "/v1/auth/logout", signedIn: false, body: true },
  { method: "GET", path: "/v1/me", signedIn: true, body: false },
  { method: "GET", path: "/v1/ws", signedIn: false, body: false },
  { method: "POST", path: "/v1/realtime/ticket", signedIn: true, body: false },
  { method: "GET", path: "/v1/conversations", signedIn: true, body: false },
  { method: "POST", path: "/v1/conversations", signedIn: true, body: true },
  { method: "GET", path: "/v1/conversations/:id/messages", signedIn: true, body: false },
  { method: "POST", path: "/v1/conversations/:id/messages", signedIn: true, body: true },
  { method: "PUT", path: "/v1/conversations/:id/members/:userId", signedIn: true, body: false },
  { method: "DELETE", path: "/v1/conversations/:id/members/:userId", signedIn: true, body: false },
  { method: "GET", path: "/health/live", signedIn: false, body: false },
  { method: "GET", path: "/health/ready", signedIn: false, body: false },
  { method: "GET", path: "/.well-known/jwks.json", signedIn: false, body: false },
];

let cluster: Cluster;
let server: Instance;
let lan: Person;
let conversation: string;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start({ LOG_LEVEL: "debug" });
  lan = await signUp(server.url, "Lan");
  conversation = await converse(server.url, lan.token, {
    kind: "group",
    name: "VN30",
    memberIds: [],
  });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const TEXTS = [
  `${CANARY}' or 1=1; drop table app.users; --`,
  `<script>${CANARY}</script>`,
  `${CANARY}\u0000`,
  `\ud800${CANARY}`,
  `../../${CANARY}`,
  `${CANARY}\r\nset-cookie: a=b`,
  `\${${CANARY}}{{${CANARY}}}%s%n`,
  `${CANARY}${"a".repeat(5_000)}`,
];

const TREES: unknown[] = [
  ...TEXTS,
  null,
  true,
  -1,
  1e308,
  [],
  {},
  [CANARY],
  { [CANARY]: CANARY },
  { $ne: CANARY },
  JSON.parse(`{"__proto__":{"role":"${CANARY}"}}`),
  JSON.parse(`{"constructor":{"prototype":{"${CANARY}":1}}}`),
];

const FIELDS =
  "email password displayName transport refreshToken kind userId name memberIds clientId body";

/** Bodies as text: broken ones, and ones with the right names and the wrong contents. */
const BODIES: string[] = [
  `{"${CANARY}`,
  `${CANARY}`,
  `{"a":"${CANARY}",}`,
  "[".repeat(10_000) + `"${CANARY}"` + "]".repeat(10_000),
  `{"${CANARY}":1,"${CANARY}":2}`,
  ...TREES.map((tree) => JSON.stringify(tree)),
  ...TREES.map((tree) => JSON.stringify(fill(() => tree))),
];

function fill(make: (name: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(FIELDS.split(" ").map((name) => [name, make(name)]));
}

const PARAMETERS = [
  CANARY,
  `%00${CANARY}`,
  `%ff${CANARY}`,
  `${CANARY}%`,
  encodeURIComponent(`${CANARY}' or '1'='1`),
  "__proto__",
  `0${CANARY}`.padEnd(36, "0"),
  "00000000-0000-0000-0000-000000000000",
  CANARY.repeat(500),
];

const QUERIES = [
  `?${CANARY}=1`,
  `?limit=${CANARY}`,
  `?limit=99999999999999999999&cursor=${CANARY}`,
  `?cursor=${CANARY}.${CANARY}`,
  `?limit=1&limit=${CANARY}`,
  `?__proto__[x]=${CANARY}`,
  `?%ff${CANARY}`,
];

const HEADERS: Record<string, string>[] = [
  { authorization: `Bearer ${CANARY}` },
  { authorization: `Bearer e30.${CANARY}.${CANARY}` },
  { authorization: `Basic ${CANARY}` },
  { authorization: `Bearer ${CANARY.repeat(600)}` },
  { cookie: `__Host-frm_refresh=${CANARY}` },
  { cookie: `${CANARY}=%ff%00; ;;=;` },
  { "x-request-id": `<${CANARY}>` },
  { "accept-language": `${CANARY};q=${CANARY}` },
  { origin: `https://${CANARY}.example` },
  { "x-forwarded-for": CANARY, "x-forwarded-proto": CANARY, "x-forwarded-host": CANARY },
  { "content-type": `application/${CANARY}` },
  { "content-encoding": CANARY },
  { "sec-websocket-protocol": CANARY, connection: "upgrade", upgrade: CANARY },
];

interface Attack {
  path?: string;
  query?: string;
  body?: string;
  headers?: Record<string, string>;
}

/** Every hostile part in turn, with everything else as it should be. */
function attacksOn(route: Route): Attack[] {
  const parameters = route.path.includes(":") ? PARAMETERS : [];
  return [
    ...parameters.map((value) => ({ path: route.path.replace(/:\w+$|:\w+/, value) })),
    ...parameters.map((value) => ({ path: route.path.replaceAll(/:\w+/g, value) })),
    ...QUERIES.map((query) => ({ query })),
    ...HEADERS.map((headers) => ({ headers })),
    ...(route.method === "GET" ? [] : BODIES.map((body) => ({ body }))),
  ];
}

async function attack(route: Route, attack: Attack, token?: string): Promise<Answer> {
  const { path = route.path, query = "", body, headers = {} } = attack;
  const place = path.replace(":id", conversation).replaceAll(/:\w+/g, crypto.randomUUID());
  const spare = route.body ? "{}" : undefined;
  return await call(route.method, `${server.url}${place}${query}`, {
    ...(token === undefined ? {} : { token }),
    ...(route.method === "GET" ? {} : { body: body ?? spare }),
    headers,
  });
}

/** A harmless answer is one that succeeded without effect or a refusal as we write them. */
function expectCalm(answer: Answer, what: string): void {
  const { status, headers, body } = answer;
  const text = JSON.stringify([body, [...headers]]);
  expect([what, text.includes(CANARY)]).toEqual([what, false]);
  if (status < 300) return;
  const code = String(body["code"]);
  const shape = {
    type: headers.get("content-type"),
    requestId: body["requestId"] as unknown,
    known: CODES.has(code),
    status: status < 500,
  };
  expect([what, status, code, shape]).toEqual([
    what,
    status,
    code,
    {
      type: "application/problem+json",
      requestId: headers.get("x-request-id"),
      known: true,
      status: true,
    },
  ]);
}

/** Rows by table; the outbox is left out, because published rows leave it a moment later by themselves. */
async function countRows(): Promise<Record<string, string>> {
  const { sql } = cluster.database;
  const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables
    where schemaname = 'app' and tablename <> 'bus_outbox' order by tablename`;
  const counts = await Promise.all(
    tables.map(async ({ name }) => {
      const [row] = await sql<{ n: string }[]>`select count(*) as n from ${sql(`app.${name}`)}`;
      return [name, row?.n ?? ""] as const;
    }),
  );
  return Object.fromEntries(counts);
}

async function expectNoTrace(before: Record<string, string>): Promise<void> {
  expect(Object.keys(before)).toContain("messages");
  expect(await countRows()).toEqual(before);
  expect(server.log()).toContain('"request"');
  expect(server.log().includes(CANARY)).toBe(false);
  expect(server.log()).not.toContain('"level":"error"');
}

test("a stranger gets 401 from every signed-in route, whatever else is wrong", async () => {
  for (const route of ROUTES.filter(({ signedIn }) => signedIn))
    for (const hostile of attacksOn(route)) {
      const answer = await attack(route, hostile);
      const what = `${route.method} ${route.path} ${JSON.stringify(hostile).slice(0, 120)}`;
      expectCalm(answer, what);
      // What the bytes claim to be is judged before the route is known.
      const early =
        "content-type" in (hostile.headers ?? {}) || hostile.headers?.["content-encoding"];
      const allowed = early ? [401, 415] : [401];
      expect([what, allowed.includes(answer.status)]).toEqual([what, true]);
    }
});

test("no fixed hostile input causes a 5xx, leaks, or leaves a row", async () => {
  const before = await countRows();
  for (const route of ROUTES) {
    const answers = attacksOn(route).map(async (hostile) => {
      const answer = await attack(route, hostile, route.signedIn ? lan.token : undefined);
      expectCalm(answer, `${route.method} ${route.path} ${JSON.stringify(hostile).slice(0, 120)}`);
    });
    await Promise.all(answers);
  }
  await expectNoTrace(before);
});

test("no random input causes a 5xx, leaks, or leaves a row", async () => {
  const before = await countRows();
  const value = fc.oneof(
    fc.constantFrom(...TREES),
    fc.string({ unit: "binary", maxLength: 40 }).map((text) => `${text}${CANARY}`),
    fc.jsonValue({ maxDepth: 3 }),
  );
  const hostile = fc.record(
    {
      body: fc
        .dictionary(fc.constantFrom(...FIELDS.split(" "), CANARY), value)
        .map((tree) => JSON.stringify({ ...tree, [`x${CANARY}`]: 1 })),
      query: fc.webQueryParameters().map((query) => `?${CANARY}=1&${query}`),
      headers: fc.constantFrom(...HEADERS),
    },
    { requiredKeys: ["body"] },
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ROUTES), hostile, async (route, parts) => {
      const answer = await attack(route, parts, route.signedIn ? lan.token : undefined);
      expectCalm(answer, `${route.method} ${route.path}`);
    }),
    { seed: 20_261_123, numRuns: 1_000 },
  );
  await expectNoTrace(before);
});
