import { and, desc, eq, sql } from "drizzle-orm";

import type { Transaction } from "../../platform/database.ts";
import type { Platform } from "../../platform/platform.ts";
import type { AuditAction, AuditDetails, AuditEntry } from "./schema.ts";
import { auditEntries } from "./tables.ts";

/** An entry is a line to read; what needs more room than this belongs into a table of its own. */
const MAX_DETAILS_BYTES = 1_024;

export interface NewAuditEntry<A extends AuditAction> {
  action: A;
  /** Whose account it concerns. */
  userId: string;
  /** Who did it; null for the product itself. */
  actorId: string | null;
  at: Date;
  details: AuditDetails[A];
  sessionId?: string;
  network?: string;
}

/**
 * Adds an entry in the transaction of its cause, so that one is never there without the other.
 * @throws Error for details that are too long, which is a mistake of ours.
 */
export async function recordAudit<A extends AuditAction>(
  tx: Transaction,
  entry: NewAuditEntry<A>,
): Promise<void> {
  const { action, userId, actorId, at, details, sessionId, network } = entry;
  const bytes = Buffer.byteLength(JSON.stringify(details));
  if (bytes > MAX_DETAILS_BYTES)
    throw new Error(`Cannot record "${action}": the details have ${bytes} bytes`);
  await tx.insert(auditEntries).values({
    id: Bun.randomUUIDv7(),
    userId,
    actorId,
    action,
    sessionId: sessionId ?? null,
    network: network === undefined || network === "" ? null : network,
    data: details,
    createdAt: at,
  });
}

/**
 * What happened to an account, newest first, read with the rights of whoever asks. `also` belongs into the transaction
 * that reads, and is told whether there was anything to see.
 */
export async function listAudit(
  platform: Platform,
  input: { readerId: string; userId: string; limit: number; cursor?: string },
  also?: (tx: Transaction, isThere: boolean) => Promise<void>,
): Promise<{ items: AuditEntry[]; page: { nextCursor: string | null; limit: number } }> {
  const { readerId, userId, limit } = input;
  const scope = `audit ${userId} ${readerId}`;
  const [at, id] = input.cursor === undefined ? [] : platform.cursors.decode(scope, input.cursor);
  const behind =
    at === undefined
      ? undefined
      : sql`(${auditEntries.createdAt}, ${auditEntries.id}) < (${at}::timestamptz, ${id}::uuid)`;
  const rows = await platform.db.run({ role: "app", userId: readerId }, async (tx) => {
    const found = await tx
      .select()
      .from(auditEntries)
      .where(and(eq(auditEntries.userId, userId), behind))
      .orderBy(desc(auditEntries.createdAt), desc(auditEntries.id))
      .limit(limit + 1);
    await also?.(tx, found.length > 0);
    return found;
  });
  const items = rows.slice(0, limit).map(toEntry);
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.createdAt, last.id]) : null;
  return { items, page: { nextCursor, limit } };
}

/** Which of our people it was is for us to know. */
function toEntry(row: typeof auditEntries.$inferSelect): AuditEntry {
  const { id, action, sessionId, network, createdAt } = row;
  const details = Object.entries((row.data ?? {}) as Record<string, string | number>);
  return {
    id,
    action,
    actor: actorOf(row),
    sessionId,
    network,
    // Postgres keeps no order of them.
    details: details
      .map(([name, value]) => ({ name, value: String(value) }))
      .toSorted((one, other) => one.name.localeCompare(other.name)),
    createdAt: createdAt.toISOString(),
  };
}

function actorOf({ actorId, userId }: typeof auditEntries.$inferSelect): AuditEntry["actor"] {
  if (actorId === null) return "system";
  return actorId === userId ? "self" : "staff";
}
