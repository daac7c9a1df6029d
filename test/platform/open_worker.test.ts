import { afterAll, beforeAll, expect, test } from "bun:test";
import { tmpdir } from "node:os";

import { Type } from "@sinclair/typebox";

import { readConfig } from "../../src/platform/config.ts";
import { StartError } from "../../src/platform/errors.ts";
import { createLifecycle } from "../../src/platform/lifecycle.ts";
import { createLog, type LogFields } from "../../src/platform/log.ts";
import { openWorker } from "../../src/platform/open_worker.ts";
import type { WorkerPlatform } from "../../src/platform/platform.ts";
import { defineJob, handle } from "../../src/platform/queue/definition.ts";
import type { WorkerMessage } from "../../src/platform/queue/messages.ts";
import { readWorkerConfig, workerEnvironment } from "../../src/platform/worker_config.ts";
import { openTestDatabase, type TestDatabase } from "../support/database.ts";
import { openTestQueue, type TestQueue } from "../support/jobs.ts";
import { testServices } from "../support/services.ts";

const CLOSE_MS = 2_000;
const now = () => new Date();
const kind = defineJob("test.kind", { payload: Type.Object({}) });

let database: TestDatabase;
let queue: TestQueue;
const lines: LogFields[] = [];
const log = createLog({
  level: "warn",
  pretty: false,
  write: (line) => void lines.push(JSON.parse(line) as LogFields),
  now,
});

beforeAll(async () => {
  database = await openTestDatabase();
  queue = await openTestQueue();
});
afterAll(async () => {
  await queue[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function open(redisUrl: string, run: (platform: WorkerPlatform) => Promise<void>) {
  const config = await readConfig({ REDIS_PREFIX: queue.prefix, DATA_DIR: tmpdir() });
  const env = workerEnvironment(config, {
    databaseUrl: database.url,
    redisUrl: new URL(redisUrl),
    publicUrl: new URL("http://localhost:3000"),
  });
  const lifecycle = createLifecycle(log, CLOSE_MS);
  const told: WorkerMessage[] = [];
  const opening = openWorker({
    config: await readWorkerConfig(env),
    log,
    now,
    lifecycle,
    consumer: "one",
    handlers: (platform) => [handle(kind, () => run(platform))],
    tell: (message) => void told.push(message),
  });
  return { opening, lifecycle, told };
}

test("a worker does what is in line with a platform that works, says what it holds, and closes cleanly", async () => {
  const ran = Promise.withResolvers<string>();
  const { redisUrl } = await testServices();
  const { opening, lifecycle, told } = await open(
    redisUrl,
    async ({ db, redis, config, topics }) => {
      await db.run({ role: "system" }, async () => undefined);
      await topics.publish("ticker:VNM", { price: 1 });
      ran.resolve(`${redis.isReady()} ${config.redisPrefix}`);
    },
  );
  const runner = await opening;
  const [id = ""] = await queue.add(1, { kind: kind.name });
  const running = runner.run();
  expect(await ran.promise).toBe(`true ${queue.prefix}`);
  runner.stop(CLOSE_MS);
  await running;
  expect(await queue.hash(id)).toMatchObject({ state: "done" });
  const entry = expect.any(String) as string;
  const job = { id, entry, token: expect.any(String) as string };
  const held = { type: "held", job, limitMs: expect.any(Number) as number };
  // First for as long as the handler may take, then for as long as Redis may take.
  expect(told).toEqual([held, held, { type: "freed", entry }] as WorkerMessage[]);
  await lifecycle.stop();
  expect(lines).toEqual([]);
});

test("a worker that cannot reach Redis does not start, and what was opened can be closed", async () => {
  const { opening, lifecycle } = await open("redis://127.0.0.1:1", async () => undefined);
  expect(await opening.catch((error: unknown) => error)).toBeInstanceOf(StartError);
  await lifecycle.stop();
});
