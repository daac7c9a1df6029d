import { sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Audience } from "../schema.ts";
import { findViewers, mayKnow, type Place } from "./audience.ts";
import type { Status } from "./leases.ts";

const SYSTEM = { role: "system" } as const;

/** Tells those who may know and look at a conversation with the user; notes when they were last seen. */
export async function announceStatus(
  platform: Platform,
  { userId, status }: { userId: string; status: Status },
): Promise<void> {
  const { db, now } = platform;
  const found = await db.run(SYSTEM, (tx) => findViewers(tx, userId), { read: true });
  if (found.isInvisible) return;
  const lastSeenAt = status === "offline" ? now() : null;
  tellPlaces(platform, { userId, status, lastSeenAt, ...found });
  if (lastSeenAt) await db.run(SYSTEM, (tx) => noteSeen(tx, userId, lastSeenAt), { single: true });
}

interface Told {
  userId: string;
  status: Status;
  lastSeenTo: Audience;
  lastSeenAt: Date | null;
  places: Place[];
}

/** Tells what the user looks like to those who look at these conversations. */
export function tellPlaces({ ephemeral }: Pick<Platform, "ephemeral">, told: Told): void {
  const { userId, status, lastSeenTo, lastSeenAt } = told;
  for (const { conversationId, isContact } of told.places) {
    const at = mayKnow(lastSeenTo, isContact) ? (lastSeenAt?.getTime() ?? null) : null;
    ephemeral.publish(`c:${conversationId}`, { k: "pres", u: userId, status, at });
  }
}

/** Not of an account that is being erased: its sockets may close after what was kept of it has been deleted. */
async function noteSeen(tx: Transaction, userId: string, at: Date): Promise<void> {
  await tx.execute(sql`
    insert into app.presence_settings (user_id, last_seen_at)
    select user_id, ${at.toISOString()}::timestamptz from app.accounts
    where user_id = ${userId} and erasing_since is null
    on conflict (user_id) do update set last_seen_at = excluded.last_seen_at`);
}
