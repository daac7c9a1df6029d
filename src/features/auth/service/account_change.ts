import { and, eq, gt, isNull } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { busOutbox } from "../../../platform/tables.ts";
import { OutdateSessions } from "../schema.ts";
import { sessions } from "../tables.ts";
import { outdateCopies, type Outdated } from "./session_copies.ts";

/** A change of an account that its sessions must learn of. */
export interface Changed {
  outdated: Outdated;
  publication: Publication;
}

/**
 * Writes, with a change that raised the account's version, what the other instances and a Redis that is away must still
 * be told of it. The account's row is locked by that change, so no session begins beside those found here.
 */
export async function noteChanged(
  tx: Transaction,
  { userId, version, now }: { userId: string; version: number; now: Date },
): Promise<Changed> {
  const rows = await tx
    .select({ id: sessions.id })
    .from(sessions)
    .where(
      and(eq(sessions.userId, userId), isNull(sessions.revokedAt), gt(sessions.expiresAt, now)),
    );
  const outdated = { userId, sessionIds: rows.map(({ id }) => id), version };
  const text = JSON.stringify({ op: "renew" });
  const publication = { outboxId: Bun.randomUUIDv7(), channel: `u:${userId}`, text };
  const { outboxId: id, channel } = publication;
  await tx.insert(busOutbox).values({ id, channel, payload: text });
  await enqueue(tx, OutdateSessions, outdated);
  return { outdated, publication };
}

/** After the commit: from the next request on the change counts on every instance, and sockets come back with it. */
export async function announceChanged(platform: Platform, changed: Changed): Promise<void> {
  try {
    await outdateCopies(platform, changed.outdated);
  } catch (error) {
    platform.log.warn("cannot outdate sessions in redis; a job will", { error });
  }
  platform.outbox.publish([changed.publication]);
  platform.jobs.wake();
}
