import postgres from "postgres";

import { connectionOptions } from "../../src/platform/database_pool.ts";

/** Makes the table in which peers store messages: one row each, with a primary key and nothing else to keep up. */
export async function createMessageTable(databaseUrl: string): Promise<void> {
  const { url, host } = connectionOptions(new URL(databaseUrl));
  const sql = postgres(url, { max: 1, ...(host === undefined ? {} : { path: host }) });
  try {
    await sql`create table bench_messages (
      id uuid primary key, channel text not null, sender_id uuid not null, client_id uuid not null,
      body text not null, created_at timestamptz not null default now())`;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
