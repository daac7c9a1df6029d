import type postgres from "postgres";

/** By table, a digest of everything that stands in it; of an outbox, the ids of its rows. */
export type Snapshot = Record<string, string>;

/** What is noted of a living session whenever it asks, refused or not; it is no effect of a request. */
const NOTED = ["last_seen_at", "seen_counter"];
/** Rows leave these by themselves, so only a new one is an effect. */
const OUTBOXES = ["bus_outbox", "job_outbox"];
/** The relay's own count, what jobs make and drop at a time of their own, and what searches have found out for later. */
const OWN = [
  "job_outbox_head",
  "account_tokens",
  "account_exports",
  "account_export_chunks",
  "message_words",
  "search_states",
];
/** Work that nobody has asked for but the time. */
const RECURRING = "account.sweep";

/** The contents of every table. */
export async function takeSnapshot(sql: postgres.Sql): Promise<Snapshot> {
  const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'app' order by tablename`;
  const parts = tables
    .filter(({ name }) => !OWN.includes(name))
    .map(({ name }) => `select '${name}' as name, ${digestOf(name)} as digest from app.${name} t`);
  if (parts.length < OUTBOXES.length) throw new Error("Cannot look at the tables: there are none");
  const found = await sql.unsafe<{ name: string; digest: string | null }[]>(
    parts.join(" union all "),
  );
  return Object.fromEntries(found.map(({ name, digest }) => [name, digest ?? ""]));
}

function digestOf(table: string): string {
  if (table === "job_outbox")
    return `string_agg(id::text, ',') filter (where kind <> '${RECURRING}')`;
  if (OUTBOXES.includes(table)) return "string_agg(id::text, ',')";
  const row = `(to_jsonb(t) - '{${NOTED.join(",")}}'::text[])::text`;
  return `md5(string_agg(${row}, '' order by ${row}))`;
}

/** The tables whose contents differ. */
export function listChanges(before: Snapshot, after: Snapshot): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => isChanged(name, before[name], after[name])).toSorted();
}

function isChanged(name: string, before = "", after = ""): boolean {
  if (!OUTBOXES.includes(name)) return before !== after;
  const known = new Set(before.split(","));
  return after.split(",").some((id) => id !== "" && !known.has(id));
}
