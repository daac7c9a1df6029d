import { inArray } from "drizzle-orm";

import type { WorkerPlatform } from "../../../platform/platform.ts";
import { asLongEnded, sessions } from "../tables.ts";

/** Few enough that no transaction holds locks for long. */
const BATCH_ROWS = 1_000;
/** What is left after so many batches is deleted in the next turn. */
const MAX_BATCHES = 100;

/**
 * Deletes sessions that ended long ago: with them go what a device called itself, its network, and the key of its
 * tokens. The policy of the database holds to the same time, so nothing that may still be asked about is deleted.
 */
export async function sweepSessions(
  { db }: Pick<WorkerPlatform, "db">,
  signal: AbortSignal,
): Promise<void> {
  for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
    signal.throwIfAborted();
    const deleted = await db.run({ role: "system" }, (tx) => {
      const ended = tx
        .select({ id: sessions.id })
        .from(sessions)
        .where(asLongEnded(sessions))
        .limit(BATCH_ROWS);
      return tx.delete(sessions).where(inArray(sessions.id, ended)).returning({ id: sessions.id });
    });
    if (deleted.length < BATCH_ROWS) return;
  }
}
