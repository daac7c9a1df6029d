import { resolve } from "node:path";

import type { Config } from "./config.ts";
import { StartError } from "./errors.ts";
import { type Environment, readSettings, type SettingName } from "./settings.ts";

/** What background work knows of the deployment. It signs no tokens and serves no requests, so it has no key for either. */
export type WorkerConfig = Pick<
  Config,
  | "production"
  | "dataDir"
  | "redisPrefix"
  | "dbRolePrefix"
  | "mailFrom"
  | "logLevel"
  | "limitsScale"
> & { databaseUrl: URL; redisUrl: URL; publicUrl: URL };

export interface WorkerPlaces {
  databaseUrl: URL;
  redisUrl: URL;
  publicUrl: URL;
}

/** The whole environment of a worker thread: what its jobs need, and nothing else of the process's own. */
export function workerEnvironment(config: Config, places: WorkerPlaces): Record<string, string> {
  return {
    NODE_ENV: config.production ? "production" : "development",
    DATA_DIR: config.dataDir,
    DATABASE_URL: places.databaseUrl.href,
    REDIS_URL: places.redisUrl.href,
    REDIS_PREFIX: config.redisPrefix,
    DB_ROLE_PREFIX: config.dbRolePrefix,
    PUBLIC_URL: places.publicUrl.href,
    MAIL_FROM: config.mailFrom,
    LOG_LEVEL: config.logLevel,
    LIMITS_SCALE: String(config.limitsScale),
  } satisfies Partial<Record<SettingName, string>>;
}

/** Reads what workerEnvironment wrote. @throws StartError when something is missing. */
export async function readWorkerConfig(env: Environment): Promise<WorkerConfig> {
  const values = await readSettings(env);
  const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, PUBLIC_URL: publicUrl } = values;
  if (!databaseUrl || !redisUrl || !publicUrl)
    throw new StartError("Cannot start a worker: DATABASE_URL, REDIS_URL, PUBLIC_URL must be set");
  return {
    production: values.NODE_ENV === "production",
    dataDir: resolve(values.DATA_DIR ?? ".data"),
    databaseUrl,
    redisUrl,
    publicUrl,
    redisPrefix: values.REDIS_PREFIX ?? "frm",
    dbRolePrefix: values.DB_ROLE_PREFIX ?? "frm",
    mailFrom: values.MAIL_FROM ?? "",
    logLevel: values.LOG_LEVEL ?? "info",
    limitsScale: values.LIMITS_SCALE ?? 1,
  };
}
