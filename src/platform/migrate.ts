import { readMigrationFiles } from "drizzle-orm/migrator";
import postgres from "postgres";

import { connectionOptions } from "./database_pool.ts";
import { StartError } from "./errors.ts";
import type { Log } from "./log.ts";
import { ensureRoles, type RoleNames, roleNames } from "./roles.ts";
import { pause } from "./time.ts";

export interface MigrateOptions {
  /** Login that may create roles and schemas. */
  adminUrl: URL;
  /** Login of the serving processes, which is granted our roles. */
  url: URL;
  rolePrefix: string;
  folder: string;
  log: Log;
}

const LOCK = 4_602_139;
const LOCK_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_S = 10;
const ATTEMPTS = 6;
/** Roles are global to a server while our lock is not: two databases migrating at once can collide on them. */
const COLLISION = new Set(["42710", "23505", "XX000", "40P01"]);

/**
 * Creates our roles and schema and applies what is missing, all in one transaction under a lock, so that any number of
 * instances may start at once. @throws StartError when the database refuses.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const login = await loginOf(options.url);
  const sql = connect(options.adminUrl);
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await sql.begin((tx) => apply(tx, { ...options, login }));
        return;
      } catch (error) {
        const code = (error as { code?: string }).code ?? "";
        if (!COLLISION.has(code) || attempt === ATTEMPTS) throw error;
        await pause(50 * 2 ** attempt, AbortSignal.timeout(5_000));
      }
    }
  } catch (error) {
    throw toStartError(error);
  } finally {
    await sql.end({ timeout: 2 });
  }
}

function connect(target: URL): postgres.Sql {
  const { url, host } = connectionOptions(target);
  return postgres(url, {
    ...(host === undefined ? {} : { path: host }),
    max: 1,
    prepare: false,
    connect_timeout: CONNECT_TIMEOUT_S,
    onnotice: () => undefined,
  });
}

async function loginOf(databaseUrl: URL): Promise<string> {
  const sql = connect(databaseUrl);
  try {
    const [row] = await sql<[{ login: string }]>`select session_user as login`;
    return row.login;
  } catch (error) {
    throw new StartError(`Cannot start: DATABASE_URL does not answer (${reason(error)})`);
  } finally {
    await sql.end({ timeout: 2 });
  }
}

async function apply(
  tx: postgres.TransactionSql,
  options: MigrateOptions & { login: string },
): Promise<void> {
  await tx`select set_config('lock_timeout', ${`${LOCK_TIMEOUT_MS}ms`}, true)`;
  await tx`select pg_advisory_xact_lock(${LOCK})`;
  const names = roleNames(options.rolePrefix);
  await ensureRoles(tx, { names, login: options.login });
  await tx.unsafe(`create schema if not exists app authorization "${names.owner}"`);
  // From here on everything is made by, and belongs to, a role that nobody can log in as.
  await tx.unsafe(`set local role "${names.owner}"`);
  await tx`create table if not exists app.migrations (
    hash text primary key, name text not null, applied_at timestamptz not null default now()
  )`;
  await applyMissing(tx, { ...options, names });
}

async function applyMissing(
  tx: postgres.TransactionSql,
  options: MigrateOptions & { names: RoleNames },
): Promise<void> {
  const rows = await tx<{ hash: string; name: string }[]>`select hash, name from app.migrations`;
  const applied = new Set(rows.map((row) => row.hash));
  const names = new Set(rows.map((row) => row.name));
  const migrations = readMigrationFiles({ migrationsFolder: options.folder });
  const missing = migrations.filter((migration) => !applied.has(migration.hash));
  const changed = missing.some((migration) => names.has(nameOf(migration)));
  if (changed || missing.length !== migrations.length - knownPrefix(migrations, applied))
    throw new StartError("Cannot migrate: an applied migration was changed; add a new one instead");
  for (const migration of missing) {
    for (const statement of migration.sql) await tx.unsafe(withRoles(statement, options.names));
    await tx`insert into app.migrations (hash, name) values (${migration.hash}, ${nameOf(migration)})`;
  }
  if (missing.length > 0) options.log.info("database migrated", { applied: missing.length });
}

/** Stays when the text of the migration changes. */
function nameOf(migration: { folderMillis: number }): string {
  return new Date(migration.folderMillis).toISOString();
}

function knownPrefix(migrations: { hash: string }[], applied: Set<string>): number {
  const first = migrations.findIndex((migration) => !applied.has(migration.hash));
  return first === -1 ? migrations.length : first;
}

/** Migrations are written with the default prefix. */
function withRoles(statement: string, names: RoleNames): string {
  return statement.replace(
    /\bfrm_(owner|app|auth|system|public)\b/g,
    (_, role: keyof RoleNames) => names[role],
  );
}

function toStartError(error: unknown): unknown {
  if (error instanceof StartError) return error;
  if (!(error instanceof postgres.PostgresError))
    return new StartError(`Cannot start: the database does not answer (${reason(error)})`);
  if (error.code === "42501")
    return new StartError(
      `Cannot migrate: ${error.message}; DATABASE_ADMIN_URL needs a login with CREATEROLE and CREATE on the database`,
    );
  return error;
}

function reason(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return code ?? message ?? "unknown";
}
