import { join } from "node:path";

import { sql } from "drizzle-orm";
import postgres from "postgres";

import { type Database, openDatabase } from "../../../src/platform/database.ts";
import { connectionOptions } from "../../../src/platform/database_pool.ts";
import { createLog } from "../../../src/platform/log.ts";
import { migrate } from "../../../src/platform/migrate.ts";
import { compare } from "../comparison.ts";
import type { Bench, Measure, Outcome, Side } from "../contract.ts";
import { alternate } from "../rounds.ts";
import type { Stage } from "../stage.ts";

const ROUNDS = 5;
const SLICE_MS = 1_500;
const WARM_UP_MS = 700;
/** Both sides keep as many connections, the product's own number. */
const POOL_SIZE = 10;
const IN_FLIGHT = 32;
const USERS = 200;
const MESSAGES_EACH = 100;
const PAGE = 20;
const MIGRATIONS = join(import.meta.dir, "..", "..", "..", "drizzle");

const OURS = "frm-ai: role, claims and policies";
const BARE = "plain postgres.js, the same query without a transaction";
const METRICS = [
  { name: "one row", unit: "1/s" },
  { name: "page of 20", unit: "1/s" },
  { name: "one row, one at a time", unit: "1/s" },
  { name: "page of 20, one at a time", unit: "1/s" },
];
/** A read may cost 2.2 times as much. */
const SHARE = 0.455;

export const rls: Bench = {
  name: "rls",
  title: "Reads under row-level security beside the same bare queries",
  goals: METRICS.map(({ name }) => ({ metric: name, peer: BARE, atLeast: SHARE })),
  run,
};

async function run(stage: Stage): Promise<Outcome> {
  await fill(new URL(stage.databaseUrl));
  const sides: Side[] = [
    { name: OURS, open: () => openOurs(stage) },
    { name: BARE, open: () => openBare(stage) },
  ];
  const [ours, ...peers] = await alternate(sides, { rounds: ROUNDS, progress: stage.progress });
  if (!ours) throw new Error("Cannot compare: nothing was measured");
  return {
    rows: compare(METRICS, ours, peers),
    notes: [
      `${IN_FLIGHT} reads in flight, then one at a time; ${POOL_SIZE} connections and prepared statements on both sides; ${USERS * MESSAGES_EACH} messages.`,
      "Ours sends BEGIN, role, claims, time-outs, the query through Drizzle, and COMMIT in one flush, and each row passes its policy; the bare query runs as the superuser, whom no policy binds.",
      "Both sides and their load are one Bun process beside Postgres.",
    ],
  };
}

/** Everybody has an account and one conversation with the next, with as many messages each. */
async function fill(databaseUrl: URL): Promise<void> {
  const log = createLog({
    level: "error",
    pretty: false,
    write: (line) => console.error(line),
    now: () => new Date(),
  });
  const place = { adminUrl: databaseUrl, url: databaseUrl, folder: MIGRATIONS };
  await migrate({ ...place, rolePrefix: "frm", log });
  const admin = connect(databaseUrl, 1);
  try {
    await admin.unsafe(`
      create function pg_temp.id(kind int, n int) returns uuid language sql as
        $$ select ('0000000' || kind || '-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
      insert into app.users select pg_temp.id(1, n), 'Someone', now() from generate_series(1, ${USERS}) n;
      insert into app.accounts (user_id, email) select id, id || '@example.com' from app.users;
      insert into app.conversations (id, kind, created_by, last_seq, last_event_at, created_at)
        select pg_temp.id(2, n), 'group', pg_temp.id(1, n), ${MESSAGES_EACH}, now(), now()
        from generate_series(1, ${USERS}) n;
      insert into app.conversation_members
        select pg_temp.id(2, n), pg_temp.id(1, (n + k - 1) % ${USERS} + 1), 'member', 1, null
        from generate_series(1, ${USERS}) n, generate_series(0, 1) k;
      insert into app.messages
        select gen_random_uuid(), pg_temp.id(2, n), k, k, pg_temp.id(1, n), gen_random_uuid(), repeat('x', 80), now()
        from generate_series(1, ${USERS}) n, generate_series(1, ${MESSAGES_EACH}) k;
      analyze app.users, app.accounts, app.conversations, app.conversation_members, app.messages`);
  } finally {
    await admin.end({ timeout: 1 });
  }
}

function connect(databaseUrl: URL, max: number): postgres.Sql {
  const { url, host } = connectionOptions(databaseUrl);
  const path = host === undefined ? {} : { path: host };
  return postgres(url, { max, onnotice: () => undefined, ...path });
}

function idOf(kind: 1 | 2, number: number): string {
  return `0000000${kind}-0000-7000-8000-${number.toString().padStart(12, "0")}`;
}

/** Reads for the user of that number. @returns how many rows came. */
interface Reads {
  one: (user: number) => Promise<number>;
  page: (user: number) => Promise<number>;
}

async function openOurs(stage: Stage): Promise<Measure> {
  const options = { url: new URL(stage.databaseUrl), rolePrefix: "frm", poolSize: POOL_SIZE };
  const db: Database = await openDatabase(options);
  const as = (user: number) => ({ role: "app", userId: idOf(1, user) }) as const;
  return measure({
    one: async (user) =>
      await db.run(
        as(user),
        async (tx) => {
          const rows = await tx.execute(
            sql`select user_id, email, role, tier, locale from app.accounts where user_id = ${idOf(1, user)}`,
          );
          return rows.length;
        },
        { read: true },
      ),
    page: async (user) =>
      await db.run(
        as(user),
        async (tx) => {
          const rows = await tx.execute(
            sql`select * from app.messages where conversation_id = ${idOf(2, user)} order by seq desc limit ${PAGE}`,
          );
          return rows.length;
        },
        { read: true },
      ),
  });
}

async function openBare(stage: Stage): Promise<Measure> {
  const bare = connect(new URL(stage.databaseUrl), POOL_SIZE);
  return measure({
    one: async (user) => {
      const rows =
        await bare`select user_id, email, role, tier, locale from app.accounts where user_id = ${idOf(1, user)}`;
      return rows.length;
    },
    page: async (user) => {
      const rows =
        await bare`select * from app.messages where conversation_id = ${idOf(2, user)} order by seq desc limit ${PAGE}`;
      return rows.length;
    },
  });
}

function measure({ one, page }: Reads): Measure {
  return async ({ warmUp }) => {
    const durationMs = warmUp ? WARM_UP_MS : SLICE_MS;
    return {
      "one row": await rateOf(one, { rows: 1, lanes: IN_FLIGHT, durationMs }),
      "page of 20": await rateOf(page, { rows: PAGE, lanes: IN_FLIGHT, durationMs }),
      "one row, one at a time": await rateOf(one, { rows: 1, lanes: 1, durationMs }),
      "page of 20, one at a time": await rateOf(page, { rows: PAGE, lanes: 1, durationMs }),
    };
  };
}

/** Reads a second, for other users all the time. @throws when a read gives another number of rows. */
async function rateOf(
  read: (user: number) => Promise<number>,
  { rows, lanes, durationMs }: { rows: number; lanes: number; durationMs: number },
): Promise<number> {
  const startedAt = performance.now();
  let count = 0;
  async function work(lane: number): Promise<void> {
    for (let user = lane; performance.now() - startedAt < durationMs; user += lanes) {
      const found = await read((user % USERS) + 1);
      if (found !== rows) throw new Error(`Cannot accept ${found} rows: ${rows} are there`);
      count += 1;
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, lane) => work(lane)));
  return count / ((performance.now() - startedAt) / 1_000);
}
