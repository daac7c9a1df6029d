import { sql } from "drizzle-orm";

import type { WorkerPlatform } from "../../../platform/platform.ts";

/** Few enough that no transaction holds locks for long. */
const BATCH_ROWS = 500;
/** What is left after so many batches is deleted in the next turn. */
const MAX_BATCHES = 100;

/** Deletes reports 180 days after they were dealt with; the policy of the database holds to the same time. */
export async function sweepReports(
  { db }: Pick<WorkerPlatform, "db">,
  signal: AbortSignal,
): Promise<void> {
  for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
    signal.throwIfAborted();
    const deleted = await db.run({ role: "system" }, (tx) =>
      tx.execute(sql`
        delete from app.reports where id in (
          select id from app.reports
          where coalesce(resolved_at, created_at + interval '180 days') < now() - interval '180 days'
          order by created_at limit ${BATCH_ROWS}
        ) returning 1`),
    );
    if (deleted.length < BATCH_ROWS) return;
  }
}
