import { sql } from "drizzle-orm";

import type { WorkerPlatform } from "../../../platform/platform.ts";

/** Few enough that no transaction holds locks for long. */
const BATCH_ROWS = 5_000;
/** What is left after so many batches is deleted in the next turn. */
const MAX_BATCHES = 200;

/**
 * Deletes what users were told more than 30 days ago; the policy of the database holds to the same time. Who was away
 * for longer begins with a fresh look at everything.
 */
export async function sweepUserEvents(
  { db }: Pick<WorkerPlatform, "db">,
  signal: AbortSignal,
): Promise<void> {
  for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
    signal.throwIfAborted();
    const deleted = await db.run({ role: "system" }, (tx) =>
      tx.execute(sql`
        delete from app.user_events where (user_id, seq) in (
          select user_id, seq from app.user_events
          where created_at < now() - interval '30 days' order by created_at limit ${BATCH_ROWS}
        ) returning 1`),
    );
    if (deleted.length < BATCH_ROWS) return;
  }
}
