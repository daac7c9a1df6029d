import { afterAll, expect, test } from "bun:test";
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

import { openPool } from "../../src/platform/database_pool.ts";
import { StartError } from "../../src/platform/errors.ts";
import { migrate } from "../../src/platform/migrate.ts";
import { assertRolesAreBound, roleNames } from "../../src/platform/roles.ts";
import { connect, silentLog } from "../support/database.ts";
import { testServices } from "../support/services.ts";

const FOLDER = join(import.meta.dir, "..", "..", "drizzle");
/** What the migrations make, and the list of migrations itself. */
const TABLES =
  1 +
  readdirSync(FOLDER)
    .map(countTables)
    .reduce((sum, count) => sum + count, 0);
const server = new URL((await testServices()).databaseUrl);
const admin = connect(server);
// Roles are global to a server, so this file has a prefix of its own.
const prefix = `m${Bun.randomUUIDv7().replaceAll("-", "").slice(-12)}`;
const names = roleNames(prefix);
const databases: string[] = [];

function countTables(file: string): number {
  if (!file.endsWith(".sql")) return 0;
  return readFileSync(join(FOLDER, file), "utf8").match(/^create table/gim)?.length ?? 0;
}

/** An empty database that a login without superuser rights owns. */
async function emptyDatabase(owner?: string): Promise<URL> {
  const name = `${prefix}_${databases.length}`;
  databases.push(name);
  await admin.unsafe(`create database ${name} ${owner === undefined ? "" : `owner ${owner}`}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  if (owner !== undefined) url.username = owner;
  return url;
}

afterAll(async () => {
  for (const name of databases) await admin.unsafe(`drop database ${name} with (force)`);
  for (const role of [...Object.values(names), `${prefix}_login`])
    await admin.unsafe(`drop role if exists ${role}`);
  await admin.end();
});

function run(url: URL, folder = FOLDER): Promise<void> {
  return migrate({ adminUrl: url, url, rolePrefix: prefix, folder, log: silentLog });
}

async function tablesOf(url: URL): Promise<number> {
  const sql = connect(url);
  const [row] = await sql<{ n: number }[]>`
    select count(*)::int as n from pg_tables where schemaname = 'app'`;
  await sql.end();
  return row?.n ?? 0;
}

test("a login without superuser rights migrates an empty database, and again without effect", async () => {
  await admin.unsafe(`create role ${prefix}_login login createrole`);
  const url = await emptyDatabase(`${prefix}_login`);
  await run(url);
  const tables = await tablesOf(url);
  await run(url);
  expect([tables, await tablesOf(url)]).toEqual([TABLES, TABLES]);
  const pool = await openPool({ url, poolSize: 1 });
  await assertRolesAreBound(pool.sql, names);
  await pool.close();
});

test("four instances that start at once migrate once", async () => {
  const url = await emptyDatabase();
  await Promise.all([run(url), run(url), run(url), run(url)]);
  expect(await tablesOf(url)).toBe(TABLES);
});

test("a migration that was changed after it was applied stops the start, and nothing is applied", async () => {
  const url = await emptyDatabase();
  await run(url);
  const folder = mkdtempSync(join(tmpdir(), "frm-migrations-"));
  try {
    cpSync(FOLDER, folder, { recursive: true });
    writeFileSync(join(folder, "0000_foundation.sql"), "create table app.intruder (a int)");
    expect(await run(url, folder).catch((error: unknown) => error)).toBeInstanceOf(StartError);
    expect(await tablesOf(url)).toBe(TABLES);
    cpSync(FOLDER, folder, { recursive: true });
    appendFileSync(join(folder, "0002_guards.sql"), "\n-- changed\n");
    expect(await run(url, folder).catch((error: unknown) => error)).toBeInstanceOf(StartError);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the migrations say all that the tables say: generating again finds nothing", async () => {
  const root = join(FOLDER, "..");
  const folder = mkdtempSync(join(tmpdir(), "frm-generate-"));
  try {
    cpSync(FOLDER, folder, { recursive: true });
    const [own, out] = [JSON.stringify(join(FOLDER, "config.ts")), relative(root, folder)];
    writeFileSync(
      join(folder, "config.ts"),
      `import config from ${own};\nexport default { ...config, out: ${JSON.stringify(out)} };\n`,
    );
    const generator = join(root, "node_modules", "drizzle-kit", "bin.cjs");
    await using child = Bun.spawn(
      [process.execPath, generator, "generate", "--config", join(out, "config.ts")],
      { cwd: root, stdout: "pipe", stderr: "ignore" },
    );
    expect(await child.stdout.text()).toContain("No schema changes");
    expect(readdirSync(folder).toSorted()).toEqual(readdirSync(FOLDER).toSorted());
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the start is refused while a role could get around row-level security", async () => {
  const url = await emptyDatabase();
  await run(url);
  const pool = await openPool({ url, poolSize: 1 });
  const check = () => assertRolesAreBound(pool.sql, names).catch((error: unknown) => String(error));
  const sql = connect(url);
  const dangers = [
    [`alter role ${names.app} bypassrls`, `alter role ${names.app} nobypassrls`, "bypass"],
    [`grant ${names.owner} to ${names.app}`, `revoke ${names.owner} from ${names.app}`, "act as"],
    [
      "alter table app.messages no force row level security",
      "alter table app.messages force row level security",
      "messages does not force",
    ],
  ] as const;
  try {
    for (const [danger, remedy, expected] of dangers) {
      await sql.unsafe(danger);
      expect(await check()).toContain(expected);
      await sql.unsafe(remedy);
      expect(await check()).toBeUndefined();
    }
  } finally {
    await sql.end();
    await pool.close();
  }
});
