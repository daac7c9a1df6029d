import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openTestDatabase, type TestDatabase } from "./database.ts";
import { testServices } from "./services.ts";

const ROOT = join(import.meta.dir, "..", "..");
const START_TIMEOUT_MS = 30_000;
/** The gate names a bundle, which starts in two thirds of the time. What a start itself promises is tested on the sources. */
const MAIN = process.env["TEST_MAIN"] || "src/main.ts";

/** A real server process. */
export interface Instance extends AsyncDisposable {
  url: string;
  pid: number;
  /** Everything the process has written to stderr so far. */
  log: () => string;
  stop: () => Promise<number>;
  kill: () => Promise<void>;
}

export interface Cluster extends AsyncDisposable {
  database: TestDatabase;
  redisPrefix: string;
  /** Where the instances keep local files, such as the mailbox. */
  dataDir: string;
  start: (env?: Record<string, string>) => Promise<Instance>;
}

/**
 * A database and a key space of their own, in which a test starts as many instances as it likes.
 * Tests that need nothing done in the background go without the worker: it takes a third of a start, and then sends
 * everybody who signs up a mail.
 */
export async function openCluster(options: { worker?: false } = {}): Promise<Cluster> {
  const database = await openTestDatabase();
  const redisPrefix = `t${Bun.randomUUIDv7().replaceAll("-", "").slice(-20)}`;
  const dataDir = await mkdtemp(join(tmpdir(), "frm-test-"));
  const { redisUrl } = await testServices();
  const instances: Instance[] = [];
  return {
    database,
    redisPrefix,
    dataDir,
    start: async (env = {}) => {
      const instance = await startInstance({
        DATABASE_URL: database.url.href,
        REDIS_URL: redisUrl,
        REDIS_PREFIX: redisPrefix,
        DATA_DIR: dataDir,
        PORT: "0",
        // A suite signs up hundreds of people from one address. Production takes no other value than 1.
        LIMITS_SCALE: env["NODE_ENV"] === "production" ? "1" : "1000000",
        ...(options.worker === false ? { ROLE: "api,socket,relay" } : {}),
        ...env,
      });
      instances.push(instance);
      return instance;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(instances.map((instance) => instance.kill()));
      await database[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function startInstance(env: Record<string, string>): Promise<Instance> {
  const child = Bun.spawn([process.execPath, "--no-orphans", MAIN], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  let errors = "";
  const reading = collect(child.stderr, (text) => (errors += text));
  const url = await readAddress(child.stdout);
  if (url === undefined) {
    await reading;
    throw new Error(`Cannot start an instance: ${errors}`);
  }
  const ended = async () => {
    const code = await child.exited;
    await reading;
    return code;
  };
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return await ended();
  };
  return {
    url,
    pid: child.pid,
    log: () => errors,
    stop: () => end("SIGTERM"),
    kill: async () => void (await end("SIGKILL")),
    [Symbol.asyncDispose]: async () => void (await end("SIGKILL")),
  };
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}

/** Reads stdout until the address is there; undefined when the process ends without one. */
async function readAddress(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  deadline.addEventListener("abort", () => void reader.cancel());
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return undefined;
    text += decoder.decode(value, { stream: true });
    const found = /listening on (http\S+)\n/.exec(text);
    if (found) return found[1];
  }
}
