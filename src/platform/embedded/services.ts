import { mkdirSync, realpathSync } from "node:fs";
import { resolve } from "node:path";

import { describeFailure, EmbeddedError } from "./error.ts";
import { openRuntimeDir, removeRuntimeDir } from "./folders.ts";
import { lockDataDir } from "./lock.ts";
import { openPostgres } from "./postgres.ts";
import { openRedis } from "./redis.ts";

export { EmbeddedError } from "./error.ts";

/** The servers that run beside us; an address is undefined where the service was not asked for. */
export interface EmbeddedServices {
  databaseUrl: string | undefined;
  redisUrl: string | undefined;
  /** Stops both servers and gives the data folder free. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface EmbeddedOptions {
  /** Everything the servers keep is in here; one process at a time may use it. */
  dataDir: string;
  postgres: boolean;
  redis: boolean;
  /** False makes writes faster and lets a power cut destroy the data: for tests. Default true. */
  durable?: boolean;
  /** Gets one line for whatever takes longer than a second, and when a server died and is started again. */
  progress: (line: string) => void;
}

interface Closable {
  url: string;
  close(): Promise<void>;
}

/**
 * Starts a real Postgres and a real Redis on private unix sockets. They stop with us: `bun --no-orphans`
 * ends them even after kill -9, and the next start ends whatever was left.
 * @throws {EmbeddedError} with one line that says what is missing or in the way.
 */
export async function openEmbeddedServices(options: EmbeddedOptions): Promise<EmbeddedServices> {
  if (!options.postgres && !options.redis) return nothingOpen();
  const dataDir = openDataDir(options.dataDir);
  const lock = lockDataDir(dataDir);
  const opened: Closable[] = [];
  let runtimeDir: string | undefined;
  let closing: Promise<void> | undefined;
  try {
    runtimeDir = openRuntimeDir(dataDir);
    const { durable = true, progress } = options;
    const shared = { dataDir, runtimeDir, durable, progress };
    const [postgres, redis] = await openAll(opened, [
      options.postgres ? () => openPostgres(shared) : undefined,
      options.redis ? () => openRedis(shared) : undefined,
    ]);
    return {
      databaseUrl: postgres?.url,
      redisUrl: redis?.url,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    if (error instanceof EmbeddedError) throw error;
    throw new EmbeddedError("services", dataDir, describeFailure(error));
  }

  /** Every caller waits for the same stop: a second one must not give free what somebody else has taken. */
  function close(): Promise<void> {
    return (closing ??= stop());
  }

  async function stop(): Promise<void> {
    await Promise.all(opened.map((service) => service.close()));
    if (runtimeDir !== undefined) removeRuntimeDir(runtimeDir);
    lock.release();
  }
}

/** Opens concurrently; when one fails the other is waited for, so that it can be stopped. */
async function openAll(
  opened: Closable[],
  openers: (undefined | (() => Promise<Closable>))[],
): Promise<(Closable | undefined)[]> {
  const results = await Promise.allSettled(openers.map(async (open) => open?.()));
  for (const result of results) {
    if (result.status === "fulfilled" && result.value !== undefined) opened.push(result.value);
  }
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return results.map((result) => (result.status === "fulfilled" ? result.value : undefined));
}

function openDataDir(wanted: string): string {
  const dataDir = resolve(wanted);
  try {
    mkdirSync(dataDir, { recursive: true });
    return realpathSync(dataDir);
  } catch (error) {
    throw new EmbeddedError("services", dataDir, describeFailure(error));
  }
}

function nothingOpen(): EmbeddedServices {
  const close = () => Promise.resolve();
  return { databaseUrl: undefined, redisUrl: undefined, close, [Symbol.asyncDispose]: close };
}
