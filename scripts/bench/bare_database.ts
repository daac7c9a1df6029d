import { join } from "node:path";

import { createLog } from "../../src/platform/log.ts";
import { migrate } from "../../src/platform/migrate.ts";
import { connect } from "./message_table.ts";

const NAME = "bench_bare";
const MIGRATIONS = join(import.meta.dir, "..", "..", "drizzle");
/** What a message refers to, and what its statement asks. */
const COPIED = /^(?:users|accounts|blocks|conversations|conversation_(?!events).*)$/;

/**
 * A second database on the same server with the same people and conversations, which no instance watches: nothing is
 * relayed or repaired while it is measured. @returns its address.
 */
export async function openBareDatabase(databaseUrl: string): Promise<string> {
  const copy = new URL(databaseUrl);
  copy.pathname = `/${NAME}`;
  const from = connect(databaseUrl, 1);
  const log = createLog({
    level: "error",
    pretty: false,
    write: (line) => console.error(line),
    now: () => new Date(),
  });
  await from.unsafe(`create database ${NAME}`);
  await migrate({ adminUrl: copy, url: copy, rolePrefix: "frm", folder: MIGRATIONS, log });
  const to = connect(copy.href, 1);
  try {
    // Rows refer to each other in every direction.
    await to`set session_replication_role = replica`;
    const tables = await from<{ name: string }[]>`
      select tablename as name from pg_tables where schemaname = 'app'`;
    for (const { name } of tables) if (COPIED.test(name)) await copyRows(from, to, name);
  } finally {
    await Promise.all([from.end({ timeout: 1 }), to.end({ timeout: 1 })]);
  }
  return copy.href;
}

type Sql = ReturnType<typeof connect>;

async function copyRows(from: Sql, to: Sql, table: string): Promise<void> {
  const [found] = await from.unsafe<{ rows: string }[]>(
    `select coalesce(jsonb_agg(t), '[]')::text as rows from app.${table} t`,
  );
  const columns = await from<{ name: string }[]>`
    select quote_ident(column_name) as name from information_schema.columns
    where table_schema = 'app' and table_name = ${table} and is_generated = 'NEVER'`;
  const names = columns.map(({ name }) => name).join(", ");
  await to.unsafe(
    `insert into app.${table} (${names}) select ${names} from jsonb_populate_recordset(null::app.${table}, $1::text::jsonb)
      on conflict do nothing`,
    [found?.rows ?? "[]"],
  );
}
