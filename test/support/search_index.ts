import type postgres from "postgres";

import { until } from "./poll.ts";

const LIMIT_MS = 30_000;

/** Resolves when the index of the search has every message: it is made by itself, a while after they were said. */
export async function untilIndexed(sql: postgres.Sql): Promise<void> {
  const isIndexed = async () => {
    const left = await sql`
      select from app.messages m left join app.search_states s using (conversation_id)
      where m.seq > coalesce(s.indexed_seq, 0) limit 1`;
    return left.length === 0;
  };
  await until("the index of the search to have every message", isIndexed, LIMIT_MS);
}
