import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  type EmbeddedServices,
  openEmbeddedServices,
} from "../../../src/platform/embedded/services.ts";
import { call, converse, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";
import { openSocket } from "../../support/socket.ts";

const OUTAGE_LIMIT_MS = 60_000;
const NOTICE_LIMIT_MS = 5_000;

/** A server of this file's own, which it may take away and bring back at the same address. */
interface Service {
  folder: string;
  services: EmbeddedServices;
}

let cluster: Cluster;
let first: Instance;
let second: Instance;
let postgres: Service;
let redis: Service;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([openService("postgres"), openService("redis")]);
  cluster = await openCluster();
  const env = {
    DATABASE_URL: postgres.services.databaseUrl ?? "",
    REDIS_URL: redis.services.redisUrl ?? "",
  };
  first = await cluster.start(env);
  second = await cluster.start(env);
}, OUTAGE_LIMIT_MS);

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  for (const { folder, services } of [postgres, redis]) {
    await services.close();
    await rm(folder, { recursive: true, force: true });
  }
}, OUTAGE_LIMIT_MS);

async function openService(kind: "postgres" | "redis"): Promise<Service> {
  const folder = await mkdtemp(join(tmpdir(), `frm-ready-${kind}-`));
  return { folder, services: await openIn(folder, kind) };
}

function openIn(folder: string, kind: "postgres" | "redis"): Promise<EmbeddedServices> {
  return openEmbeddedServices({
    dataDir: folder,
    postgres: kind === "postgres",
    redis: kind === "redis",
    durable: false,
    progress: () => undefined,
  });
}

function ready({ url }: Instance) {
  return call("GET", `${url}/health/ready`);
}

/** Waits until both instances say so. */
async function untilStatus(status: string, timeoutMs: number): Promise<void> {
  await until(
    `the status ${status}`,
    async () => {
      const answers = await Promise.all([ready(first), ready(second)]);
      return answers.every(({ body }) => String(body["status"]) === status);
    },
    timeoutMs,
  );
}

async function expectLive(): Promise<void> {
  for (const { url } of [first, second]) {
    const live = await call("GET", `${url}/health/live`);
    expect([live.status, live.body as object]).toEqual([200, { status: "healthy" }]);
  }
}

/** A conversation with a socket of its reader on the second instance. */
async function openTalk() {
  const [lan, minh] = [await signUp(first.url), await signUp(second.url)];
  const id = await converse(first.url, lan.token, { kind: "direct", userId: minh.id });
  const reader = await openSocket(second.url, minh.token);
  const say = async (body: string) =>
    await call("POST", `${first.url}/v1/conversations/${id}/messages`, {
      token: lan.token,
      body: { clientId: crypto.randomUUID(), body },
    });
  return { reader, say };
}

test("an instance with both services is live and ready", async () => {
  await expectLive();
  const answer = await ready(first);
  expect(answer.status).toBe(200);
  expect(answer.body as object).toEqual({
    status: "healthy",
    checks: { database: true, redis: true, accepting: true },
  });
  expect(answer.headers.get("cache-control")).toContain("no-store");
});

test(
  "without Redis it is degraded, takes messages, and recovers by itself",
  async () => {
    const { reader, say } = await openTalk();
    await redis.services.close();
    await untilStatus("degraded", NOTICE_LIMIT_MS);
    const answer = await ready(first);
    expect(answer.status).toBe(200);
    expect(answer.body["checks"] as unknown).toEqual({
      database: true,
      redis: false,
      accepting: true,
    });
    await expectLive();
    expect((await say("while Redis is away")).status).toBe(201);
    redis.services = await openIn(redis.folder, "redis");
    await untilStatus("healthy", OUTAGE_LIMIT_MS);
    await reader.next(({ d }) => d?.body === "while Redis is away", "the message");
    expect((await say("Redis is back")).status).toBe(201);
    await reader.next(({ d }) => d?.body === "Redis is back", "the next message");
    const bodies = reader.frames.filter(({ k }) => k === "msg.new").map(({ d }) => d?.body);
    expect(bodies).toEqual(["while Redis is away", "Redis is back"]);
  },
  OUTAGE_LIMIT_MS,
);

test(
  "without Postgres it is not ready within 5 s, refuses with 503, and recovers by itself",
  async () => {
    const { reader, say } = await openTalk();
    await postgres.services.close();
    await untilStatus("unhealthy", NOTICE_LIMIT_MS);
    const answer = await ready(first);
    expect(answer.status).toBe(503);
    expect(answer.body["checks"] as unknown).toEqual({
      database: false,
      redis: true,
      accepting: true,
    });
    await expectLive();
    const refused = await say("while Postgres is away");
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toMatch(/^\d+$/);
    postgres.services = await openIn(postgres.folder, "postgres");
    await untilStatus("healthy", OUTAGE_LIMIT_MS);
    expect((await ready(first)).status).toBe(200);
    expect((await say("Postgres is back")).status).toBe(201);
    await reader.next(({ d }) => d?.body === "Postgres is back", "the message");
    expect(reader.frames.some(({ d }) => d?.body === "while Postgres is away")).toBe(false);
  },
  OUTAGE_LIMIT_MS,
);
