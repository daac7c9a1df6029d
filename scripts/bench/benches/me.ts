import { RedisClient } from "bun";

import { createKeys } from "../../../src/platform/keys.ts";
import { busyNotes, measureCpu } from "../busy.ts";
import { compare } from "../comparison.ts";
import type { Bench, Measure, Outcome, Side } from "../contract.ts";
import { findPython } from "../debian.ts";
import type { Load } from "../load/driver.ts";
import type { HttpJob, HttpResult } from "../load/http.ts";
import { type Person, registerPeople, request } from "../people.ts";
import { alternate, type Series } from "../rounds.ts";
import { bunPeer, type Server, type Stage } from "../stage.ts";

const ROUNDS = 5;
const ROUND_MS = 3_000;
const WARM_UP_MS = 1_500;
const CONNECTIONS = 32;
/** Both sides keep as many connections to Postgres. */
const POOL_SIZE = 10;
/** The product's own default. */
const REDIS_PREFIX = "frm";

const OURS = "frm-ai";
const RAW = "raw Bun.serve, a constant (limit)";
const ELYSIA = "Elysia alone, a constant (limit)";
const FASTAPI = "FastAPI + uvicorn, equal work";
const FASTAPI_SHORT = "FastAPI + uvicorn, token and session only";
const METRICS = [
  { name: "requests", unit: "1/s" },
  { name: "latency p50", unit: "ms" },
  { name: "latency p99", unit: "ms" },
  { name: "server's processor time", unit: "µs each" },
];
/** What the peer asks Postgres for: one plain query, without our transaction, role and row-level security. */
const QUERY = `select u.id, a.email, u.display_name as "displayName", a.role::text, a.tier::text, a.locale::text,
  u.created_at as "createdAt" from app.users u join app.accounts a on a.user_id = u.id where u.id = $1`;

export const me: Bench = {
  name: "me",
  title: "GET /v1/me with a bearer token",
  goals: [{ metric: "requests", peer: FASTAPI, atLeast: 4 }],
  run,
};

/** Who asks, and the answer that everybody must give. */
interface Question {
  stage: Stage;
  load: Load;
  person: Person;
  body: string;
}

async function run(stage: Stage): Promise<Outcome> {
  const instance = await stage.startInstance();
  const base = `http://localhost:${instance.port}`;
  const [person] = await registerPeople(base, 1);
  if (!person) throw new Error("Cannot register");
  const me = await request<object>(`${base}/v1/me`, { method: "GET", token: person.token });
  const load = stage.openLoad("http.ts");
  const question = { stage, load, person, body: JSON.stringify(me) };
  const peers: Side[] = [
    { name: RAW, open: () => openBun(question, "raw_me.ts") },
    { name: ELYSIA, open: () => openBun(question, "elysia_me.ts") },
    { name: FASTAPI, open: () => openFastapi(question, { instance, query: QUERY }) },
    { name: FASTAPI_SHORT, open: () => openFastapi(question, { instance, query: "" }) },
  ];
  const ours: Side = { name: OURS, open: () => ask(question, instance) };
  const options = { rounds: ROUNDS, progress: stage.progress };
  const [first, ...rest] = await alternate([ours, ...peers], options);
  if (!first) throw new Error("Cannot compare: nothing was measured");
  return { rows: compare(METRICS, first, rest), notes: notesOf([first, ...rest]) };
}

async function openBun(question: Question, file: string): Promise<Measure> {
  const spec = bunPeer(file, { BODY: question.body });
  return await ask(question, await question.stage.startPeer({ name: file, ...spec }));
}

async function openFastapi(
  question: Question,
  { instance, query }: { instance: Server; query: string },
): Promise<Measure> {
  const { stage, person, body } = question;
  const python = await findPython(stage.progress);
  await copySession(stage, person);
  const url = `http://localhost:${instance.port}/.well-known/jwks.json`;
  const { keys } = await request<{ keys: { x: string }[] }>(url, { method: "GET" });
  const database = new URL(stage.databaseUrl);
  const server = await stage.startPeer({
    name: "FastAPI",
    argv: [python, "scripts/bench/peers/fastapi/app.py"],
    env: {
      PUBLIC_KEY: Buffer.from(keys[0]?.x ?? "", "base64url").toString("hex"),
      REDIS_SOCKET: new URL(stage.redisUrl).pathname,
      PGHOST: database.searchParams.get("host") ?? "",
      PGUSER: database.username,
      PGDATABASE: database.pathname.slice(1),
      POOL_SIZE: String(POOL_SIZE),
      QUERY: query,
      BODY: body,
    },
  });
  return await ask(question, server);
}

/** The peer reads a copy of the session that does not expire, because only our side would make a new one. */
async function copySession(stage: Stage, person: Person): Promise<void> {
  const payload = Buffer.from(person.token.split(".")[1] ?? "", "base64url").toString();
  const { sub, sid } = JSON.parse(payload) as { sub: string; sid: string };
  const redis = new RedisClient(stage.redisUrl);
  try {
    const session = await redis.get(createKeys(REDIS_PREFIX).session(sub, sid));
    if (session === null) throw new Error("Cannot copy the session: it is not in Redis");
    await redis.set(`bench:${sub}:s:${sid}`, session);
  } finally {
    redis.close();
  }
}

/** Asks once and compares what was said, then measures; every later answer must be this one, byte by byte. */
async function ask(question: Question, server: Server): Promise<Measure> {
  const { load, person, body } = question;
  const url = `http://localhost:${server.port}/v1/me`;
  const headers = { authorization: `Bearer ${person.token}` };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) });
  const answer = await response.text();
  if (!response.ok || !Bun.deepEquals(JSON.parse(answer), JSON.parse(body)))
    throw new Error(`Cannot accept its answer: ${response.status} ${answer}`);
  const job: HttpJob = {
    port: server.port,
    request: [
      "GET /v1/me HTTP/1.1",
      `host: localhost:${server.port}`,
      `authorization: ${headers.authorization}`,
      "accept: application/json\r\n\r\n",
    ].join("\r\n"),
    body: answer,
    connections: CONNECTIONS,
    durationMs: ROUND_MS,
  };
  return async ({ warmUp }) => {
    const sized = { ...job, durationMs: warmUp ? WARM_UP_MS : ROUND_MS };
    const pids = { client: load.pid, servers: [server.pid] };
    const measured = await measureCpu(pids, () => load.run<HttpResult>(sized));
    const { result, busy, serverSeconds } = measured;
    return {
      requests: result.requestsPerSecond,
      "latency p50": result.p50Ms,
      "latency p99": result.p99Ms,
      "server's processor time": (serverSeconds * 1e6) / result.requests,
      ...busy,
    };
  };
}

function notesOf(all: Series[]): string[] {
  return [
    `${CONNECTIONS} kept-alive connections, one request at a time on each; every answer is compared byte by byte. One server process each.`,
    "frm-ai: EdDSA token, session from Redis, then the user from Postgres in a transaction of its own under row-level security.",
    "FastAPI: one uvicorn worker (uvloop, httptools), redis-py, PyJWT, asyncpg; the same token, session and row, by one plain query.",
    ...busyNotes(all),
  ];
}
