import { and, eq, isNull, ne, type SQL } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { busOutbox } from "../../../platform/tables.ts";
import { recordAudit } from "../../audit/mod.ts";
import { BurySessions } from "../schema.ts";
import { sessions } from "../tables.ts";
import { writeTombstone } from "./session_copies.ts";

/** Which of a user's sessions: one of them, all but one, or all. */
export type Which = { sessionId: string } | { except: string } | "all";

export interface EndInput {
  userId: string;
  which: Which;
  /** What belongs into the same transaction, if a session ends. */
  also?: (tx: Transaction) => Promise<unknown>;
}

/**
 * Ends sessions on every instance: their rows first, then their copies, then their sockets. @returns how many ended.
 */
export async function endSessions(platform: Platform, input: EndInput): Promise<number> {
  const { userId, which, also } = input;
  const ended = await platform.db.run({ role: "app", userId }, async (tx) => {
    const found = await endWithin(tx, { userId, which, now: platform.now() });
    if (found.ids.length > 0) await also?.(tx);
    return found;
  });
  await announceEnded(platform, ended);
  return ended.ids.length;
}

/** Ends sessions as part of a transaction, after whose commit their end is to be announced. */
export async function endWithin(
  tx: Transaction,
  { userId, which, now }: { userId: string; which: Which; now: Date },
): Promise<Ended> {
  const ids = await revoke(tx, { userId, condition: conditionOf(which), now });
  return { userId, ids, publications: await noteEnded(tx, { userId, ids }) };
}

/** Ends one session because its owner says so. */
export async function logOut(
  platform: Platform,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<void> {
  await endSessions(platform, {
    userId,
    which: { sessionId },
    also: (tx) =>
      recordAudit(tx, {
        action: "auth.logout",
        userId,
        actorId: userId,
        at: platform.now(),
        details: {},
        sessionId,
      }),
  });
}

async function revoke(
  tx: Transaction,
  { userId, condition, now }: { userId: string; condition: SQL | undefined; now: Date },
): Promise<string[]> {
  const rows = await tx
    .update(sessions)
    .set({ revokedAt: now })
    .where(and(eq(sessions.userId, userId), isNull(sessions.revokedAt), condition))
    .returning({ id: sessions.id });
  return rows.map(({ id }) => id);
}

function conditionOf(which: Which): SQL | undefined {
  if (which === "all") return undefined;
  return "except" in which ? ne(sessions.id, which.except) : eq(sessions.id, which.sessionId);
}

export interface Ended {
  userId: string;
  ids: string[];
  publications: Publication[];
}

/** Writes, with the end of sessions, what the other instances and a Redis that is away must still be told of it. */
export async function noteEnded(
  tx: Transaction,
  { userId, ids }: { userId: string; ids: string[] },
): Promise<Publication[]> {
  if (ids.length === 0) return [];
  const publications = ids.map((sessionId) => ({
    outboxId: Bun.randomUUIDv7(),
    channel: `u:${userId}`,
    text: JSON.stringify({ op: "end", sessionId }),
  }));
  await tx
    .insert(busOutbox)
    .values(
      publications.map(({ outboxId, channel, text }) => ({ id: outboxId, channel, payload: text })),
    );
  await enqueue(tx, BurySessions, { userId, sessionIds: ids });
  return publications;
}

/** Tells of ended sessions after the commit: the next request is refused, and the sockets close. */
export async function announceEnded(
  platform: Platform,
  { userId, ids, publications }: Ended,
): Promise<void> {
  if (ids.length === 0) return;
  await Promise.all(ids.map((sessionId) => writeTombstone(platform, { userId, sessionId })));
  platform.outbox.publish(publications);
  platform.jobs.wake();
}
