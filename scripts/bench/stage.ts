import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openEmbeddedServices } from "../../src/platform/embedded/services.ts";
import { generateSigningKey } from "../../src/platform/tokens.ts";
import { type Load, type LoadScript, openLoad } from "./load/driver.ts";
import { type Child, type ProcessSpec, startServer } from "./processes.ts";

export type Server = Child & { port: number };

/** What one bench runs on: a Postgres and a Redis of its own, and every process it starts. All of it ends with it. */
export interface Stage extends AsyncDisposable {
  databaseUrl: string;
  redisUrl: string;
  progress: (line: string) => void;
  /** A real instance of the product. */
  startInstance: () => Promise<Server>;
  startPeer: (spec: ProcessSpec) => Promise<Server>;
  openLoad: (script: LoadScript) => Load;
}

/**
 * The product as it is deployed, but for two things: development accepts plain HTTP, and no limit on traffic stands in
 * the way of a load.
 */
const INSTANCE_ENV = {
  NODE_ENV: "development",
  PORT: "0",
  LOG_LEVEL: "warn",
  LIMITS_SCALE: "1000000",
};

export async function openStage(progress: (line: string) => void): Promise<Stage> {
  const dataDir = await mkdtemp(join(tmpdir(), "frm-bench-"));
  const parts = new AsyncDisposableStack();
  parts.defer(() => rm(dataDir, { recursive: true, force: true }));
  try {
    // Durable as in production: a commit waits for the disk.
    const wanted = { dataDir, postgres: true, redis: true, durable: true, progress };
    const services = parts.use(await openEmbeddedServices(wanted));
    const { databaseUrl = "", redisUrl = "" } = services;
    const jwtKeys = JSON.stringify([await generateSigningKey()]);
    const startPeer = async (spec: ProcessSpec) => parts.use(await startServer(spec));
    return {
      databaseUrl,
      redisUrl,
      progress,
      startPeer,
      startInstance: () =>
        startPeer({
          name: "an instance",
          argv: [process.execPath, "--no-orphans", "src/main.ts"],
          env: {
            ...INSTANCE_ENV,
            DATA_DIR: dataDir,
            DATABASE_URL: databaseUrl,
            REDIS_URL: redisUrl,
            JWT_KEYS: jwtKeys,
          },
        }),
      openLoad: (script) => parts.use(openLoad(script)),
      [Symbol.asyncDispose]: () => parts.disposeAsync(),
    };
  } catch (error) {
    await parts.disposeAsync();
    throw error;
  }
}

/** Arguments and environment of a peer that Bun runs; a peer gets the best settings of its runtime. */
export function bunPeer(file: string, env: Record<string, string>): Omit<ProcessSpec, "name"> {
  return {
    argv: [process.execPath, "--no-orphans", join(import.meta.dir, "peers", file)],
    env: { NODE_ENV: "production", ...env },
  };
}
