import type postgres from "postgres";

import { until } from "./poll.ts";

/** By table, a digest of everything that stands in it. */
export type Snapshot = Record<string, string>;

/** What is noted of a living session whenever it asks, refused or not; it is no effect of a request. */
const NOTED = ["last_seen_at", "seen_counter"];

/** The contents of every table, as soon as what is published has left the outboxes; what stays in one is a trace. */
export async function takeSnapshot(sql: postgres.Sql): Promise<Snapshot> {
  await until("the outboxes to be empty", async () => {
    const left = await sql`
      select from app.bus_outbox union all select from app.job_outbox limit 1`;
    return left.length === 0;
  });
  const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'app' order by tablename`;
  const digests = tables.map(
    ({ name }) => `select '${name}' as name, count(*) || ' rows, ' || coalesce(
      md5(string_agg(md5((to_jsonb(t) - '{${NOTED.join(",")}}'::text[])::text), '' order by t::text)), '') as digest
      from app.${name} t`,
  );
  const found = await sql.unsafe<{ name: string; digest: string }[]>(digests.join(" union all "));
  return Object.fromEntries(found.map(({ name, digest }) => [name, digest]));
}

/** The tables whose contents differ. */
export function listChanges(before: Snapshot, after: Snapshot): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => before[name] !== after[name]).toSorted();
}
