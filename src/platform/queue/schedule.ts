import { sql } from "drizzle-orm";

import type { Database } from "../database.ts";
import type { Log } from "../log.ts";
import { pause } from "../time.ts";
import type { JobKind } from "./definition.ts";

/** Work that is asked for again and again. Its payload is empty: what there is to do it finds by itself. */
export interface Recurring {
  kind: JobKind;
  everyMs: number;
}

export interface JobSchedule {
  /** Asks for the work until the signal ends it. */
  run(signal: AbortSignal): Promise<void>;
}

export interface JobScheduleOptions {
  db: Database;
  entries: Recurring[];
  now: () => Date;
  log: Log;
}

const RETRY_MS = 5_000;
/** What waits this long, or has died, does not keep its successors away any longer. */
const STUCK = sql`interval '1 hour'`;
/** The names below which the ids of recurring jobs are made. */
const NAMESPACE = "6f0c7d1e-2a34-5f52-8c1f-01975b2e9a3d";

/**
 * Time is cut into turns of equal length, and the job of a turn has an id that follows from it, so that any number of
 * processes ask for it once. While it waits or runs, no other of its kind is asked for.
 */
export function createJobSchedule({ db, entries, now, log }: JobScheduleOptions): JobSchedule {
  async function ask({ kind, everyMs }: Recurring, turn: number): Promise<void> {
    const id = Bun.randomUUIDv5(`${kind.name} ${everyMs} ${turn}`, NAMESPACE);
    await db.run({ role: "system" }, (tx) =>
      tx.execute(sql`
        insert into app.job_outbox (id, queue, kind, version, payload, max_attempts)
        select ${id}::uuid, ${kind.queue}, ${kind.name}, ${kind.version}, '{}', ${kind.maxAttempts}
        where not exists (
          select 1 from app.job_outbox where kind = ${kind.name} and created_at > clock_timestamp() - ${STUCK}
        ) on conflict (id) do nothing`),
    );
  }
  async function repeat(entry: Recurring, signal: AbortSignal): Promise<void> {
    const turnAt = () => Math.floor(now().getTime() / entry.everyMs);
    let asked = turnAt();
    while (!signal.aborted) {
      const isDue = turnAt() > asked;
      if (isDue) {
        try {
          const turn = turnAt();
          await ask(entry, turn);
          asked = turn;
        } catch (error) {
          log.warn("cannot ask for recurring work", { kind: entry.kind.name, error });
          await pause(RETRY_MS, signal);
        }
      } else {
        await pause((asked + 1) * entry.everyMs - now().getTime(), signal);
      }
    }
  }
  return {
    run: async (signal) => {
      await Promise.all(entries.map((entry) => repeat(entry, signal)));
    },
  };
}
