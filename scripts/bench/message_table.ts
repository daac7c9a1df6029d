import postgres from "postgres";

import { connectionOptions } from "../../src/platform/database_pool.ts";

const POOL_SIZE = 10;

/** Makes the table in which peers store messages: one row each, with a primary key and nothing else to keep up. */
export async function createMessageTable(databaseUrl: string): Promise<void> {
  const sql = connect(databaseUrl, 1);
  try {
    await sql`create table if not exists bench_messages (
      id uuid primary key, channel text not null, sender_id uuid not null, client_id uuid not null,
      body text not null, created_at timestamptz not null default now())`;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Puts rows into that table, one by one and each in a transaction of its own. */
export interface MessageStore extends AsyncDisposable {
  insert: (body: string) => Promise<void>;
}

export function openMessageStore(databaseUrl: string): MessageStore {
  const sql = connect(databaseUrl, POOL_SIZE);
  return {
    insert: async (body) => {
      await sql`insert into bench_messages (id, channel, sender_id, client_id, body)
        values (${crypto.randomUUID()}, 'bench', ${crypto.randomUUID()}, ${crypto.randomUUID()}, ${body})`;
    },
    [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }),
  };
}

/** As the superuser of the bench's own server. */
export function connect(databaseUrl: string, max: number): postgres.Sql {
  const { url, host } = connectionOptions(new URL(databaseUrl));
  return postgres(url, { max, ...(host === undefined ? {} : { path: host }) });
}
