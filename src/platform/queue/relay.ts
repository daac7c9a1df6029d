import { and, asc, eq, gt, inArray, isNull, lte, sql } from "drizzle-orm";

import type { Database, Transaction } from "../database.ts";
import type { Log } from "../log.ts";
import { jobOutbox, jobOutboxHead } from "../tables.ts";
import { createWakeUp } from "../time.ts";
import type { JobStore, NewJob } from "./store.ts";

/** Carries work from the outbox to Redis, as often as Redis needs it, and clears away what is settled. */
export interface JobRelay {
  run(signal: AbortSignal): Promise<void>;
  /** There may be new rows. */
  wake(): void;
}

export interface JobRelayOptions {
  db: Database;
  storeOf: (queue: string) => JobStore;
  isReady: () => boolean;
  log: Log;
}

const INTERVAL_MS = 1_000;
const BATCH = 500;
/** Redis does nothing else while it takes a batch in; one payload more than this may be in it. */
const MAX_BATCH_BYTES = 1_048_576;
/** Queues that are looked at in one turn; a kind names its queue, so they are few. */
const MAX_QUEUES = 100;
const system = { role: "system" } as const;
const bytesOfPayload = sql<number>`octet_length(${jobOutbox.payload}::text)`;

interface Head {
  queue: string;
  lastBatch: number;
}

/** Any number of relays may run: batches are numbered under a lock, and Redis takes each number once. */
export function createJobRelay(options: JobRelayOptions): JobRelay {
  const wakeUp = createWakeUp();

  /** True when there may be more to do at once. */
  async function turn(): Promise<boolean> {
    if (!options.isReady()) return false;
    const full = await markWaiting(options);
    const heads = await options.db.run(system, (tx) =>
      tx.select().from(jobOutboxHead).limit(MAX_QUEUES),
    );
    for (const head of heads) {
      await publish(options, head);
      await settle(options, head.queue);
    }
    return full;
  }
  return {
    wake: () => wakeUp.wake(),
    run: async (signal) => {
      while (!signal.aborted) {
        const more = await turn().catch((error: unknown) => {
          options.log.warn("cannot relay jobs", { error });
          return false;
        });
        if (!more) await wakeUp.wait(INTERVAL_MS, signal);
      }
    },
  };
}

async function markWaiting({ db, storeOf }: JobRelayOptions): Promise<boolean> {
  const waiting = await db.run(system, (tx) =>
    tx
      .selectDistinct({ queue: jobOutbox.queue })
      .from(jobOutbox)
      .where(isNull(jobOutbox.batch))
      .limit(MAX_QUEUES),
  );
  let full = false;
  for (const { queue } of waiting) {
    const cursor = await storeOf(queue).cursor();
    const more = await db.run(system, (tx) => markBatch(tx, { queue, cursor }));
    full ||= more;
  }
  return full;
}

/**
 * Gives waiting rows the next number. A Redis that is ahead, as after a database was made anew, is followed.
 * @returns whether others still wait.
 */
async function markBatch(
  tx: Transaction,
  { queue, cursor }: { queue: string; cursor: number },
): Promise<boolean> {
  await tx.insert(jobOutboxHead).values({ queue, lastBatch: 0 }).onConflictDoNothing();
  const [head] = await tx
    .select()
    .from(jobOutboxHead)
    .where(eq(jobOutboxHead.queue, queue))
    .for("update", { skipLocked: true });
  // Another relay is at it.
  if (!head) return false;
  const batch = Math.max(head.lastBatch, cursor) + 1;
  const rows = await tx
    .select({ id: jobOutbox.id, bytes: bytesOfPayload })
    .from(jobOutbox)
    .where(and(eq(jobOutbox.queue, queue), isNull(jobOutbox.batch)))
    .orderBy(asc(jobOutbox.id))
    .limit(BATCH);
  let bytes = 0;
  const ids: string[] = [];
  for (const row of rows) {
    if (bytes > MAX_BATCH_BYTES) break;
    bytes += row.bytes;
    ids.push(row.id);
  }
  if (ids.length === 0) return false;
  await tx.update(jobOutbox).set({ batch }).where(inArray(jobOutbox.id, ids));
  await tx.update(jobOutboxHead).set({ lastBatch: batch }).where(eq(jobOutboxHead.queue, queue));
  return rows.length === BATCH || ids.length < rows.length;
}

/** Brings Redis to the last batch, from wherever it stands: one behind, or at nothing because it lost its data. */
async function publish({ db, storeOf, log }: JobRelayOptions, head: Head): Promise<void> {
  const store = storeOf(head.queue);
  let cursor = await store.cursor();
  while (cursor < head.lastBatch) {
    const { batch, jobs } = await db.run(system, (tx) => nextBatches(tx, { ...head, cursor }));
    const stands = await store.publish({ expected: cursor, batch, jobs });
    if (stands === batch && jobs.length > 0)
      log.debug("published jobs", { queue: head.queue, batch, jobs: jobs.length });
    // Another relay has published in between, or Redis has just lost its data: go on from where it stands.
    cursor = stands;
  }
}

/**
 * Whole batches behind the cursor, as many as may travel together, so that an emptied Redis is filled quickly; when none
 * has rows left, Redis may go to the end at once. @returns the last of them, and their jobs.
 */
async function nextBatches(
  tx: Transaction,
  { queue, cursor, lastBatch }: Head & { cursor: number },
): Promise<{ batch: number; jobs: NewJob[] }> {
  const behind = and(eq(jobOutbox.queue, queue), gt(jobOutbox.batch, cursor));
  const next = await tx
    .select({ batch: sql<number>`${jobOutbox.batch}::int8`.mapWith(Number), bytes: bytesOfPayload })
    .from(jobOutbox)
    .where(behind)
    .orderBy(asc(jobOutbox.batch), asc(jobOutbox.id))
    .limit(BATCH + 1);
  const batch = lastWholeBatch(next) ?? lastBatch;
  const jobs = await tx
    .select({
      id: jobOutbox.id,
      kind: jobOutbox.kind,
      version: jobOutbox.version,
      payload: sql<string>`${jobOutbox.payload}::text`,
      maxAttempts: jobOutbox.maxAttempts,
    })
    .from(jobOutbox)
    .where(and(behind, lte(jobOutbox.batch, batch)))
    .orderBy(asc(jobOutbox.batch), asc(jobOutbox.id));
  return { batch, jobs };
}

/** A batch is never split: the first one goes however large it is, and one that may be cut off by the limit waits. */
function lastWholeBatch(rows: { batch: number; bytes: number }[]): number | undefined {
  const cutOff = rows.length > BATCH ? rows.at(-1)?.batch : undefined;
  let last = rows[0]?.batch;
  let bytes = 0;
  for (const row of rows) {
    bytes += row.bytes;
    if (row.batch === cutOff || (row.batch !== last && bytes > MAX_BATCH_BYTES)) break;
    last = row.batch;
  }
  return last;
}

async function settle({ db, storeOf }: JobRelayOptions, queue: string): Promise<void> {
  const store = storeOf(queue);
  for (;;) {
    const ids = await store.listSettled(BATCH);
    if (ids.length === 0) return;
    await db.run(system, (tx) => tx.delete(jobOutbox).where(inArray(jobOutbox.id, ids)));
    // The rows go first: if we end in between, they are deleted once more instead of never.
    await store.dropSettled(ids);
  }
}
