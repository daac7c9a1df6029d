import { availableParallelism } from "node:os";
import { resolve } from "node:path";

import { StartError } from "./errors.ts";
import type { LogLevel } from "./log.ts";
import {
  type Environment,
  readSettings,
  type Role,
  type SettingValues,
  type SigningKey,
} from "./settings.ts";

export { SETTINGS } from "./settings.ts";

/** Everything that may differ between two deployments, checked and typed. */
export interface Config {
  production: boolean;
  host: string;
  port: number;
  dataDir: string;
  /** Undefined asks for the embedded Postgres. */
  databaseUrl: URL | undefined;
  databaseAdminUrl: URL | undefined;
  /** Undefined asks for the embedded Redis. */
  redisUrl: URL | undefined;
  roles: ReadonlySet<Role>;
  /** Threads for background work. */
  workers: number;
  limitsScale: number;
  redisPrefix: string;
  dbRolePrefix: string;
  tls: { cert: string; key: string } | undefined;
  /** Undefined until the port is known; see `publicUrl` of the HTTP server. */
  publicUrl: URL | undefined;
  webOrigins: string[];
  trustedProxies: string[];
  jwtKeys: SigningKey[] | undefined;
  sessionIdleMs: number;
  sessionMaxMs: number;
  deletionGraceMs: number;
  mailFrom: string;
  logLevel: LogLevel;
}

/** Reads and checks all settings. @throws StartError that names each wrong or missing one. */
export async function readConfig(env: Environment): Promise<Config> {
  const values = await readSettings(env);
  const production = values.NODE_ENV === "production";
  if (production) refuseDevelopmentDefaults(values);
  return {
    production,
    ...placeOf(values, production),
    databaseUrl: values.DATABASE_URL,
    databaseAdminUrl: values.DATABASE_ADMIN_URL ?? values.DATABASE_URL,
    redisUrl: values.REDIS_URL,
    roles: new Set(values.ROLE),
    workers: values.WORKERS ?? defaultWorkers(),
    limitsScale: values.LIMITS_SCALE ?? 1,
    redisPrefix: values.REDIS_PREFIX ?? "frm",
    dbRolePrefix: values.DB_ROLE_PREFIX ?? "frm",
    webOrigins: values.WEB_ORIGINS ?? [],
    trustedProxies: values.TRUSTED_PROXIES ?? [],
    jwtKeys: values.JWT_KEYS,
    ...sessionLives(values),
    deletionGraceMs: (values.ACCOUNT_DELETION_GRACE_DAYS ?? 14) * DAY_MS,
    mailFrom: values.MAIL_FROM ?? "",
    logLevel: values.LOG_LEVEL ?? "info",
  };
}

const DAY_MS = 86_400_000;
const MAX_DEFAULT_WORKERS = 4;

/** One core is left to the requests. */
function defaultWorkers(): number {
  return Math.min(MAX_DEFAULT_WORKERS, Math.max(1, availableParallelism() - 1));
}

function sessionLives(values: SettingValues): Pick<Config, "sessionIdleMs" | "sessionMaxMs"> {
  return {
    sessionIdleMs: (values.SESSION_IDLE_DAYS ?? 14) * DAY_MS,
    sessionMaxMs: (values.SESSION_MAX_DAYS ?? 90) * DAY_MS,
  };
}

type Place = Pick<Config, "host" | "port" | "dataDir" | "tls" | "publicUrl">;

/** Where the process stands and is reached. */
function placeOf(values: SettingValues, production: boolean): Place {
  const { TLS_CERT: cert, TLS_KEY: key } = values;
  if ((cert === undefined) !== (key === undefined))
    throw new StartError("Cannot start: TLS_CERT and TLS_KEY must be set together");
  return {
    host: values.HOST ?? (production ? "0.0.0.0" : "127.0.0.1"),
    port: values.PORT ?? 3000,
    dataDir: resolve(values.DATA_DIR ?? ".data"),
    tls: cert !== undefined && key !== undefined ? { cert, key } : undefined,
    publicUrl: values.PUBLIC_URL,
  };
}

const REQUIRED_IN_PRODUCTION = ["DATABASE_URL", "REDIS_URL", "JWT_KEYS", "PUBLIC_URL"] as const;

function refuseDevelopmentDefaults(values: SettingValues): void {
  const missing = REQUIRED_IN_PRODUCTION.filter((name) => values[name] === undefined);
  if (missing.length > 0)
    throw new StartError(`Cannot start in production: ${missing.join(", ")} must be set`);
  if (values.LIMITS_SCALE !== 1)
    throw new StartError("Cannot start in production: LIMITS_SCALE must be 1");
  if (values.PUBLIC_URL?.protocol !== "https:")
    throw new StartError("Cannot start in production: PUBLIC_URL must start with https://");
}
