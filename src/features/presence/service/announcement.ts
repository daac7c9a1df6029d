import type { Transaction } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Audience } from "../schema.ts";
import { presenceSettings } from "../tables.ts";
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
  for (const { conversationId, isDirect } of told.places) {
    const at = mayKnow(lastSeenTo, isDirect) ? (lastSeenAt?.getTime() ?? null) : null;
    ephemeral.publish(`c:${conversationId}`, { k: "pres", u: userId, status, at });
  }
}

async function noteSeen(tx: Transaction, userId: string, at: Date): Promise<void> {
  await tx
    .insert(presenceSettings)
    .values({ userId, lastSeenAt: at })
    .onConflictDoUpdate({ target: presenceSettings.userId, set: { lastSeenAt: at } });
}
