import { RedisClient } from "bun";

import { createKeys } from "../../../src/platform/keys.ts";
import { busyNotes, measureCpu } from "../busy.ts";
import { compare } from "../comparison.ts";
import type { Bench, Measure, Outcome, Side } from "../contract.ts";
import { findPython } from "../debian.ts";
import type { Load } from "../load/driver.ts";
import type { HttpJob, HttpResult, LaneSpec } from "../load/http.ts";
import { type Person, registerPeople, request } from "../people.ts";
import { alternate, type Series } from "../rounds.ts";
import { bunPeer, type Server, type Stage } from "../stage.ts";

const ROUNDS = 5;
const ROUND_MS = 3_000;
const WARM_UP_MS = 1_500;
/** One for each person, so that no side answers one and the same all the time. */
const CONNECTIONS = 32;
/** Both sides keep as many connections to Postgres. */
const POOL_SIZE = 10;
/** The product's own default. */
const REDIS_PREFIX = "frm";

const OURS = "frm-ai";
const RAW = "raw Bun.serve, a constant (limit)";
const ELYSIA = "Elysia alone, a constant (limit)";
const FASTAPI = "FastAPI + uvicorn: token check, session read";
const FASTAPI_REMEMBERING = "the same, remembering checked tokens";
const FASTAPI_QUERYING = "the same, and reads Postgres too";
const METRICS = [
  { name: "requests", unit: "1/s" },
  { name: "latency p50", unit: "ms" },
  { name: "latency p99", unit: "ms" },
  { name: "server's processor time", unit: "µs each" },
];
/** What a peer may ask Postgres for: one plain query, without a transaction, a role or row-level security. */
const QUERY = `select u.id, a.email, a.email_verified_at is not null as "emailVerified", u.display_name as "displayName", a.role::text, a.tier::text, a.locale::text,
  u.created_at as "createdAt" from app.users u join app.accounts a on a.user_id = u.id where u.id = $1`;

export const me: Bench = {
  name: "me",
  title: "GET /v1/me with a bearer token",
  goals: [
    { metric: "requests", peer: RAW, atLeast: 0.3 },
    { metric: "requests", peer: FASTAPI, atLeast: 5 },
  ],
  run,
};

/** Somebody who asks, and the answer that every side must give. */
interface Asker extends Person {
  answer: string;
}

interface Question {
  stage: Stage;
  load: Load;
  askers: Asker[];
  instance: Server;
}

async function run(stage: Stage): Promise<Outcome> {
  const question = await openQuestion(stage);
  const fastapi = (settings: Record<string, string>) => () => openFastapi(question, settings);
  const sides: Side[] = [
    { name: OURS, open: () => ask(question, question.instance) },
    { name: RAW, open: () => openConstant(question, "raw_me.ts") },
    { name: ELYSIA, open: () => openConstant(question, "elysia_me.ts") },
    { name: FASTAPI, open: fastapi({}) },
    { name: FASTAPI_REMEMBERING, open: fastapi({ REMEMBER: "1" }) },
    { name: FASTAPI_QUERYING, open: fastapi({ QUERY }) },
  ];
  const [ours, ...peers] = await alternate(sides, { rounds: ROUNDS, progress: stage.progress });
  if (!ours) throw new Error("Cannot compare: nothing was measured");
  return { rows: compare(METRICS, ours, peers), notes: notesOf([ours, ...peers]) };
}

async function openQuestion(stage: Stage): Promise<Question> {
  const instance = await stage.startInstance();
  const base = `http://localhost:${instance.port}`;
  const askers: Asker[] = [];
  for (const person of await registerPeople(base, CONNECTIONS)) {
    const me = await request<object>(`${base}/v1/me`, { method: "GET", token: person.token });
    askers.push({ ...person, answer: JSON.stringify(me) });
  }
  await copySessions(stage, askers);
  return { stage, load: stage.openLoad("http.ts"), askers, instance };
}

/** The limits know one person only, so everybody gets that person's answer from them. */
async function openConstant(question: Question, file: string): Promise<Measure> {
  const [first] = question.askers;
  const answer = first?.answer ?? "";
  const spec = bunPeer(file, { BODY: answer });
  const server = await question.stage.startPeer({ name: file, ...spec });
  const askers = question.askers.map((asker) => ({ ...asker, answer }));
  return await ask({ ...question, askers }, server);
}

async function openFastapi(question: Question, settings: Record<string, string>): Promise<Measure> {
  const { stage, instance } = question;
  const python = await findPython(stage.progress);
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
      ...settings,
    },
  });
  return await ask(question, server);
}

/** The peers read copies of the sessions that do not expire, because only our side would make new ones. */
async function copySessions(stage: Stage, people: Person[]): Promise<void> {
  const redis = new RedisClient(stage.redisUrl);
  const keys = createKeys(REDIS_PREFIX);
  try {
    for (const { token } of people) {
      const payload = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
      const { sub, sid } = JSON.parse(payload) as { sub: string; sid: string };
      const session = await redis.get(keys.session(sub, sid));
      if (session === null) throw new Error("Cannot copy a session: it is not in Redis");
      await redis.set(`bench:${sub}:s:${sid}`, session);
    }
  } finally {
    redis.close();
  }
}

/** Asks for everybody once and compares what is said; every later answer must be the same, byte by byte. */
async function ask({ load, askers }: Question, server: Server): Promise<Measure> {
  const lanes: LaneSpec[] = [];
  for (const { token, answer } of askers) {
    const said = await request<object>(`http://localhost:${server.port}/v1/me`, {
      method: "GET",
      token,
    });
    if (!Bun.deepEquals(said, JSON.parse(answer)))
      throw new Error(`Cannot accept its answer: ${JSON.stringify(said)}`);
    lanes.push({ request: requestText(server.port, token), body: JSON.stringify(said) });
  }
  return async ({ warmUp }) => {
    const job: HttpJob = { port: server.port, lanes, durationMs: warmUp ? WARM_UP_MS : ROUND_MS };
    const pids = { client: load.pid, servers: [server.pid] };
    const measured = await measureCpu(pids, () => load.run<HttpResult>(job));
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

function requestText(port: number, token: string): string {
  return [
    "GET /v1/me HTTP/1.1",
    `host: localhost:${port}`,
    `authorization: Bearer ${token}`,
    "accept: application/json\r\n\r\n",
  ].join("\r\n");
}

function notesOf(all: Series[]): string[] {
  return [
    `${CONNECTIONS} people, each on a kept-alive connection of their own, one request at a time; every answer is compared byte by byte. One server process each.`,
    "Equal work: the token is checked and its session is read from Redis for every request, and the session's copy has the answer in it. frm-ai remembers which signatures were good until they expire; the second FastAPI does so as well.",
    "FastAPI: one uvicorn worker (uvloop, httptools), redis-py with hiredis, PyJWT; the last variant, which checks each token, also runs one plain query through asyncpg.",
    ...busyNotes(all),
  ];
}
