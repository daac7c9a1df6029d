import { tmpdir } from "node:os";

import { readConfig } from "../../src/platform/config.ts";
import { createLog, type LogFields } from "../../src/platform/log.ts";
import {
  createSupervisor,
  type Supervisor,
  type SupervisorLimits,
} from "../../src/platform/queue/supervisor.ts";
import { workerEnvironment } from "../../src/platform/worker_config.ts";
import { openTestDatabase } from "./database.ts";
import { openTestQueue, type TestQueue } from "./jobs.ts";
import { until } from "./poll.ts";
import { openPostgresDetour, type PostgresDetour } from "./postgres_detour.ts";
import { testServices } from "./services.ts";

/** One call of a handler of faulty_worker.ts, as it recorded it. */
interface Seen {
  id: string;
  attempt: number;
  text: string;
}

/** A queue of a test's own, and processes full of real threads that serve it with faulty_worker.ts. */
export interface TestWorkers extends AsyncDisposable {
  queue: TestQueue;
  /** How the threads reach their database. */
  postgres: PostgresDetour;
  /** What the threads are given. */
  env: Record<string, string>;
  spawn: () => Worker;
  /** Starts what a process with so many threads would; it is stopped with the test at the latest. */
  serve(count: number, limits?: Partial<SupervisorLimits>, spawn?: () => Worker): Supervisor;
  add(
    kind: string,
    fields?: { maxAttempts?: number; version?: number; mark?: string },
  ): Promise<string>;
  /** Lets the handlers go on that wait for the mark. */
  mark(name: string): Promise<void>;
  /** What the handlers have recorded of a job, in their order. */
  seen(id: string): Promise<string[]>;
  untilState(ids: string[], state: string, limitMs?: number): Promise<void>;
  /** The error history of a job. */
  errors(id: string): Promise<string[]>;
  /** What the supervisors have logged. */
  lines: LogFields[];
}

/** Quicker than in production, so that tests need not wait as long. */
const LIMITS: Partial<SupervisorLimits> = { stuckCheckMs: 50, reapMs: 200 };
const MAX_STOP_MS = 2_000;

/** @param redisUrl where a test has a Redis of its own, or something that stands before one. */
export async function openTestWorkers(redisUrl?: URL): Promise<TestWorkers> {
  const database = await openTestDatabase();
  const postgres = openPostgresDetour(database.url);
  const queue = await openTestQueue(redisUrl);
  const config = await readConfig({ REDIS_PREFIX: queue.prefix, DATA_DIR: tmpdir() });
  const env = workerEnvironment(config, {
    databaseUrl: postgres.url,
    redisUrl: redisUrl ?? new URL((await testServices()).redisUrl),
    publicUrl: new URL("http://localhost:3000"),
  });
  const supervisors: Supervisor[] = [];
  const lines: LogFields[] = [];
  const log = createLog({
    level: "debug",
    pretty: false,
    write: (line) => void lines.push(JSON.parse(line) as LogFields),
    now: () => new Date(),
  });
  const spawn = () => new Worker(new URL("./faulty_worker.ts", import.meta.url), { env });
  const place = `${queue.prefix}:{test}:`;
  return {
    queue,
    postgres,
    env,
    lines,
    spawn,
    serve: (count, limits, begin = spawn) => {
      const supervisor = createSupervisor({
        count,
        spawn: begin,
        store: queue.store,
        nodeId: Bun.randomUUIDv7(),
        log,
        limits: { ...LIMITS, graceMs: 0, stopMs: MAX_STOP_MS, ...limits },
      });
      supervisors.push(supervisor);
      supervisor.start();
      return supervisor;
    },
    add: async (kind, { mark, ...fields } = {}) => {
      const payload = JSON.stringify(mark === undefined ? {} : { mark });
      const [id = ""] = await queue.add(1, { kind: `test.${kind}`, payload, ...fields });
      return id;
    },
    mark: async (name) => void (await queue.redis.client.set(place + name, "1")),
    seen: async (id) => {
      const records = await queue.redis.client.lRange(`${place}seen`, 0, -1);
      const all = records.map((record) => JSON.parse(record) as Seen);
      return all.filter((seen) => seen.id === id).map(({ attempt, text }) => `${text} ${attempt}`);
    },
    untilState: (ids, state, limitMs) =>
      until(
        `jobs that are ${state}`,
        async () => {
          const hashes = await Promise.all(ids.map((id) => queue.hash(id)));
          return hashes.every((hash) => hash["state"] === state);
        },
        limitMs,
      ),
    errors: async (id) =>
      ((await queue.hash(id))["errors"] ?? "")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => (JSON.parse(line) as { error: string }).error),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
      await queue[Symbol.asyncDispose]();
      postgres[Symbol.dispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
