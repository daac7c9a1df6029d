import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import postgres from "postgres";

import { connectionOptions } from "../../src/platform/database_pool.ts";
import { createLog } from "../../src/platform/log.ts";
import { migrate } from "../../src/platform/migrate.ts";
import { testServices } from "./services.ts";

const MIGRATIONS = join(import.meta.dir, "..", "..", "drizzle");
const LOCK = 815_162_342;

export const silentLog = createLog({
  level: "error",
  pretty: false,
  write: (line) => console.error(line),
  now: () => new Date(),
});

/** A database of a test file's own, cloned from a migrated template, and dropped with `await using`. */
export interface TestDatabase extends AsyncDisposable {
  url: URL;
  /** As the superuser: what a test looks at or breaks behind the product's back. */
  sql: postgres.Sql;
}

export async function openTestDatabase(): Promise<TestDatabase> {
  const { databaseUrl } = await testServices();
  const admin = connect(new URL(databaseUrl));
  const template = `frm_template_${hashOfMigrations()}`;
  const name = `frm_test_${Bun.randomUUIDv7().replaceAll("-", "")}`;
  try {
    await admin.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(${LOCK})`;
      const [found] = await tx`select 1 from pg_database where datname = ${template}`;
      if (!found) await makeTemplate(new URL(databaseUrl), template);
    });
    // Copies files, where the default goes through the log page by page, at twice the cost.
    await admin.unsafe(`create database ${name} template ${template} strategy file_copy`);
  } finally {
    await admin.end();
  }
  const url = withDatabase(new URL(databaseUrl), name);
  const sql = connect(url);
  return {
    url,
    sql,
    [Symbol.asyncDispose]: async () => {
      await sql.end({ timeout: 1 });
      const dropper = connect(new URL(databaseUrl));
      await dropper.unsafe(`drop database if exists ${name} with (force)`);
      await dropper.end();
    },
  };
}

async function makeTemplate(server: URL, template: string): Promise<void> {
  const admin = connect(server);
  const draft = `${template}_draft`;
  try {
    await admin.unsafe(`drop database if exists ${draft} with (force)`);
    await admin.unsafe(`create database ${draft}`);
    const url = withDatabase(server, draft);
    await migrate({ adminUrl: url, url, rolePrefix: "frm", folder: MIGRATIONS, log: silentLog });
    await admin.unsafe(`alter database ${draft} rename to ${template}`);
  } finally {
    await admin.end();
  }
}

function hashOfMigrations(): string {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const file of readdirSync(MIGRATIONS).toSorted())
    if (file.endsWith(".sql")) hasher.update(readFileSync(join(MIGRATIONS, file)));
  return hasher.digest("hex").slice(0, 16);
}

function withDatabase(server: URL, name: string): URL {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url;
}

export function connect(target: URL): postgres.Sql {
  const { url, host } = connectionOptions(target);
  return postgres(url, {
    ...(host === undefined ? {} : { path: host }),
    max: 2,
    onnotice: () => undefined,
  });
}
