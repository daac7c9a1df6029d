import { afterAll, beforeAll, expect, test } from "bun:test";

import fc from "fast-check";

import { createApp } from "../src/app.ts";
import { readConfig } from "../src/platform/config.ts";
import { ACCESS } from "../src/platform/http/access.ts";
import type { Platform } from "../src/platform/platform.ts";
import type { ReadinessCheck } from "../src/platform/readiness.ts";
import type { Gateway } from "../src/platform/realtime/gateway.ts";
import { type Answer, call, converse, type Person, signUp } from "./support/client.ts";
import { silentLog } from "./support/database.ts";
import {
  type Attack,
  attacksOn,
  CANARY,
  FIELDS,
  HEADERS,
  type Route,
  ROUTES,
  TREES,
} from "./support/hostile.ts";
import { type Cluster, type Instance, openCluster } from "./support/instance.ts";
import { until } from "./support/poll.ts";
import { untilIndexed } from "./support/search_index.ts";

const CODES = new Set([
  "csrf_rejected",
  "email_not_verified",
  "invalid_credentials",
  "invalid_cursor",
  "malformed_json",
  "not_found",
  "not_a_group",
  "origin_not_allowed",
  "payload_too_large",
  "reauthentication_required",
  "subprotocol_required",
  "token_invalid",
  "unauthenticated",
  "unsupported_media_type",
  "validation_failed",
]);

let cluster: Cluster;
let server: Instance;
let lan: Person;
let admin: Person;
/** With a session that has not proved for long who it is. */
let tired: Person;
let conversation: string;

beforeAll(async () => {
  cluster = await openCluster();
  server = await cluster.start({ LOG_LEVEL: "debug" });
  lan = await signUp(server.url, "Lan");
  admin = await signUp(server.url, "Admin");
  await cluster.database.sql`update app.accounts set role = 'admin' where user_id = ${admin.id}`;
  // An app that waits to be confirmed takes the place of another one, so that an attack adds no row.
  await call("POST", `${server.url}/v1/account/totp`, { token: lan.token });
  // A copy that is being written is answered instead of another one, and nobody erases an account without a new proof.
  await cluster.database.sql`
    insert into app.account_exports (id, user_id, state, requested_at, expires_at)
    values (${crypto.randomUUID()}, ${lan.id}, 'waiting', now(), now() + interval '1 day')`;
  tired = await signUp(server.url, "Tired");
  await cluster.database.sql`
    update app.sessions set authenticated_at = now() - interval '1 day' where user_id = ${tired.id}`;
  conversation = await converse(server.url, lan.token, {
    kind: "group",
    name: "VN30",
    memberIds: [],
  });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** Whose token a route is attacked with: where only staff gets in, the input of nobody else is looked at. */
function tokenFor({ path, signedIn }: Route): string | undefined {
  if (!signedIn) return undefined;
  if (path === "/v1/account/deletion") return tired.token;
  return path.startsWith("/v1/admin/") ? admin.token : lan.token;
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

/** Rows by table, as soon as what is published has left the outboxes by itself; what stays in one is a trace. */
const LOOKS = "^admin\\.(users_listed|user_viewed|audit_viewed)$";

/** How many rows each table has, but for the log of what staff has looked at: an odd way to ask is still a look. */
async function countRows(): Promise<Record<string, string>> {
  const { sql } = cluster.database;
  await until("the outboxes to be empty", async () => {
    const left = await sql`
      select from app.bus_outbox union all select from app.job_outbox limit 1`;
    return left.length === 0;
  });
  // What was said before comes into the index of the search by itself, and is no effect of an attack.
  await untilIndexed(sql);
  const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'app' order by tablename`;
  const counts = await Promise.all(
    tables.map(async ({ name }) => {
      const rest = name === "audit_entries" ? sql`where action !~ ${LOOKS}` : sql``;
      const [row] = await sql<{ n: string }[]>`
        select count(*) as n from ${sql(`app.${name}`)} ${rest}`;
      return [name, row?.n ?? ""] as const;
    }),
  );
  return Object.fromEntries(counts);
}

async function expectNoTrace(before: Record<string, string>): Promise<void> {
  expect(Object.keys(before)).toEqual(
    expect.arrayContaining(["messages", "bus_outbox", "job_outbox"]),
  );
  expect(await countRows()).toEqual(before);
  expect(server.log()).toContain('"request"');
  expect(server.log().includes(CANARY)).toBe(false);
  expect(server.log()).not.toContain('"level":"error"');
}

/** Every route as it is served, and whom it lets in. */
async function listServed(): Promise<string[]> {
  const platform = { config: await readConfig({}), log: silentLog } as Platform;
  const options = { readiness: {} as ReadinessCheck, gateway: {} as Gateway };
  const { routes } = createApp(platform, options);
  return routes
    .filter(({ method }) => method !== "OPTIONS")
    .map(({ method, path, hooks }) => {
      const { detail } = hooks as { detail: Record<string, unknown> };
      return nameOf({ method, path, signedIn: detail[ACCESS] !== "open" });
    });
}

function nameOf({ method, path, signedIn }: Omit<Route, "body">): string {
  return `${method} ${path} ${signedIn ? "signed in" : "open"}`;
}

test("every route that is served is attacked here, and lets in whom it is said to let in", async () => {
  expect((await listServed()).toSorted()).toEqual(ROUTES.map(nameOf).toSorted());
});

test.each([
  ["1e1", "type"],
  ["0x10", "type"],
  ["%205", "type"],
  ["5.0", "type"],
  ["+5", "type"],
  ["%2B5", "type"],
  ["", "type"],
  ["0", "too_small"],
  ["-1", "too_small"],
  ["101", "too_large"],
])("limit=%s is refused where it stands, as %s", async (limit, code) => {
  for (const path of ["/v1/conversations", `/v1/conversations/${conversation}/messages`]) {
    const answer = await call("GET", `${server.url}${path}?limit=${limit}`, { token: lan.token });
    expect(answer.status).toBe(422);
    expect(answer.body["errors"]).toEqual([
      { pointer: "/limit", code, message: expect.any(String) as string },
    ]);
  }
});

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
      const answer = await attack(route, hostile, tokenFor(route));
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
        .dictionary(fc.constantFrom(...FIELDS, CANARY), value)
        .map((tree) => JSON.stringify({ ...tree, [`x${CANARY}`]: 1 })),
      query: fc.webQueryParameters().map((query) => `?${CANARY}=1&${query}`),
      headers: fc.constantFrom(...HEADERS),
    },
    { requiredKeys: ["body"] },
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ROUTES), hostile, async (route, parts) => {
      const answer = await attack(route, parts, tokenFor(route));
      expectCalm(answer, `${route.method} ${route.path}`);
    }),
    { seed: 20_261_123, numRuns: 1_000 },
  );
  await expectNoTrace(before);
});
