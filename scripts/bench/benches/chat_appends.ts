import { openBareDatabase } from "../bare_database.ts";
import { busyNotes, measureCpu } from "../busy.ts";
import { compare } from "../comparison.ts";
import type { Goal, Measure, Outcome, Side } from "../contract.ts";
import type { ChatJob, FloodResult, Talk } from "../load/chat.ts";
import { connect } from "../message_table.ts";
import { type PgbenchJob, runPgbench } from "../pgbench.ts";
import { type Ring, RING_SIDE } from "../ring.ts";
import { alternate } from "../rounds.ts";
import { sendTransaction } from "../send_statement.ts";

const ROUNDS = 3;
const ROUND_MS = 4_000;
const WARM_UP_MS = 2_000;
/** Messages of one sender under way at once. */
const WINDOW = 4;
/** With more, pgbench stores less: they stand in each other's way. */
const BARE_CLIENTS = 16;
const UNBATCHED_CLIENTS = 8;
/** What the requirements ask of one conversation. */
const FLOOR_PER_SECOND = 167;
const BODY = "#00000000 ".padEnd(150, "bench ");

const SPREAD = { name: "durable sends, spread", unit: "1/s" };
const SHARED = { name: "durable sends, one conversation", unit: "1/s" };
const BARE = "the same rows inserted bare";
const UNBATCHED = "the same statement unbatched, pgbench";

export const APPEND_GOALS: Goal[] = [
  { metric: SPREAD.name, peer: BARE, atLeast: 0.6 },
  { metric: SHARED.name, peer: UNBATCHED, atLeast: 1.3 },
  { metric: SHARED.name, peer: "target", atLeast: 1 },
];

/** How much is stored in a second, by people who each wait for their acknowledgements. */
export async function compareAppends(ring: Ring): Promise<Outcome> {
  const { talks, sharedId, stage } = ring;
  const shared = talks.map(({ from, to }) => ({ from, to, conversationId: sharedId }));
  const bareUrl = await openBareDatabase(stage.databaseUrl);
  const spread = await compareSides(ring, SPREAD, [
    { name: "frm-ai", open: async () => measureFlood(ring, SPREAD.name, talks) },
    { name: BARE, open: () => openBareRows(ring, bareUrl) },
  ]);
  const one = await compareSides(ring, SHARED, [
    { name: "frm-ai", open: async () => measureFlood(ring, SHARED.name, shared) },
    { name: UNBATCHED, open: () => openUnbatched(ring, bareUrl) },
    { name: "target", open: async () => async () => ({ [SHARED.name]: FLOOR_PER_SECOND }) },
  ]);
  stage.progress("stored messages are whole");
  await assertGapless(ring);
  return {
    rows: [...spread.rows, ...one.rows],
    notes: [
      `durable sends: ${talks.length} sockets over two instances with ${WINDOW} messages under way each, all acknowledged after their commit, told to everybody, and counted in Postgres. Spread: as many conversations as sockets. Bare: pgbench with ${BARE_CLIENTS} clients inserts the message and its outbox row alone, into the same tables of a second database on the same server, without positions, rights, bus or sockets. Unbatched: pgbench with ${UNBATCHED_CLIENTS} clients runs the service's own statement, with the sender's role and claims, in a pipeline, each in a transaction of its own.`,
      ...spread.notes,
      ...one.notes,
    ],
  };
}

async function compareSides(
  { stage }: Ring,
  metric: typeof SPREAD,
  sides: Side[],
): Promise<Outcome> {
  const [ours, ...peers] = await alternate(sides, { rounds: ROUNDS, progress: stage.progress });
  if (!ours) throw new Error("Cannot compare: nothing was measured");
  const notes = busyNotes([ours]).map((note) => `${metric.name}: ${note}`);
  return { rows: compare([metric], ours, peers), notes };
}

function measureFlood({ load, instances }: Ring, metric: string, talks: Talk[]): Measure {
  const pids = { client: load.pid, servers: instances.map(({ pid }) => pid) };
  return async ({ warmUp }) => {
    await load.run({ op: "beat", side: RING_SIDE });
    const job: ChatJob = {
      op: "flood",
      side: RING_SIDE,
      talks,
      durationMs: warmUp ? WARM_UP_MS : ROUND_MS,
      window: WINDOW,
    };
    const { result, busy } = await measureCpu(pids, () => load.run<FloodResult>(job));
    return { [metric]: result.sendsPerSecond, ...busy };
  };
}

/** Positions come from a sequence: whoever inserts bare rows needs to hold nothing until the commit. */
async function openBareRows({ talks, people }: Ring, bareUrl: string): Promise<Measure> {
  const sql = connect(bareUrl, 1);
  try {
    await sql`create sequence if not exists bench_positions start 1000000`;
  } finally {
    await sql.end({ timeout: 1 });
  }
  const scripts = talks.map(({ from, conversationId }) => {
    const ids = `'${conversationId}', n.at, n.at, '${people[from]?.id}', gen_random_uuid()`;
    return `with n as (select nextval('bench_positions') as at), stored as (
        insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
        select gen_random_uuid(), ${ids}, '${BODY}', now() from n returning seq)
      insert into app.bus_outbox (id, channel, seq) select gen_random_uuid(), 'bench', seq from stored;`
      .replaceAll(/\s+/g, " ")
      .trim();
  });
  return measurePgbench(SPREAD.name, { databaseUrl: bareUrl, scripts, clients: BARE_CLIENTS });
}

async function openUnbatched({ people, sharedId }: Ring, bareUrl: string): Promise<Measure> {
  const scripts = await Promise.all(
    people.map(({ id }) => sendTransaction({ userId: id, conversationId: sharedId, body: BODY })),
  );
  return measurePgbench(SHARED.name, { databaseUrl: bareUrl, scripts, clients: UNBATCHED_CLIENTS });
}

function measurePgbench(metric: string, job: Omit<PgbenchJob, "durationMs">): Measure {
  return async ({ warmUp }) => {
    const durationMs = warmUp ? WARM_UP_MS : ROUND_MS;
    const before = await countMessages(job.databaseUrl);
    const perSecond = await runPgbench({ ...job, durationMs });
    const stored = (await countMessages(job.databaseUrl)) - before;
    // A statement that stores nothing, as a stranger's does, succeeds as well.
    if (stored < (perSecond * durationMs) / 2_000)
      throw new Error(`${perSecond} transactions a second have stored ${stored} messages`);
    return { [metric]: perSecond };
  };
}

async function countMessages(databaseUrl: string): Promise<number> {
  const sql = connect(databaseUrl, 1);
  try {
    const [row] = await sql<{ n: number }[]>`select count(*)::int as n from app.messages`;
    return row?.n ?? 0;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Whatever was acknowledged is stored, at positions without gaps. */
async function assertGapless({ stage, sharedId }: Ring): Promise<void> {
  const sql = connect(stage.databaseUrl, 1);
  try {
    const [row] = await sql<{ events: number; top: number }[]>`
      select c.last_seq::int as top,
        (select count(*) from app.messages m where m.conversation_id = c.id)::int
        + (select count(*) from app.conversation_events e where e.conversation_id = c.id)::int as events
      from app.conversations c where c.id = ${sharedId}`;
    if (!row || row.events !== row.top)
      throw new Error(`Cannot accept it: ${row?.events} events up to position ${row?.top}`);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
