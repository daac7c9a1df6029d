import type { Platform } from "../../../platform/platform.ts";
import { appendUserEvents, userEvent } from "../../realtime/mod.ts";
import { PresenceSet, type PresenceSettings } from "../schema.ts";
import { presenceSettings } from "../tables.ts";
import { tellPlaces } from "./announcement.ts";
import { findVisibility, listPlaces } from "./audience.ts";
import { sharedLeases } from "./leases.ts";

export async function getPresenceSettings(
  { db }: Platform,
  userId: string,
): Promise<PresenceSettings> {
  const { lastSeenAt: _, ...settings } = await db.run(
    { role: "app", userId },
    (tx) => findVisibility(tx, userId),
    { read: true },
  );
  return settings;
}

/** Holds at once, and tells the user's other devices, those who see the user no more, and those who do from now on. */
export async function setPresenceSettings(
  platform: Platform,
  userId: string,
  settings: PresenceSettings,
): Promise<PresenceSettings> {
  const { db, now, outbox } = platform;
  const { before, publications } = await db.run({ role: "app", userId }, async (tx) => {
    const found = await findVisibility(tx, userId);
    await tx
      .insert(presenceSettings)
      .values({ userId, ...settings })
      .onConflictDoUpdate({ target: presenceSettings.userId, set: settings });
    const event = userEvent(userId, PresenceSet, settings);
    return { before: found, publications: await appendUserEvents(tx, [event], now()) };
  });
  outbox.publish(publications);
  try {
    await tellChange(platform, userId, { before, after: settings });
  } catch (error) {
    // What is set is set; who asks is answered by it, and who only listens hears it with the next change.
    platform.log.warn("cannot tell who may see a user", { error });
  }
  return settings;
}

async function tellChange(
  platform: Platform,
  userId: string,
  { before, after }: { before: PresenceSettings; after: PresenceSettings },
): Promise<void> {
  const [hiddenFrom, shownTo] = await platform.db.run({ role: "system" }, async (tx) => [
    await listPlaces(tx, userId, before.visibleTo),
    await listPlaces(tx, userId, after.visibleTo),
  ]);
  const shown = new Set(shownTo.map(({ conversationId }) => conversationId));
  const gone = hiddenFrom.filter(({ conversationId }) => !shown.has(conversationId));
  const told = { userId, lastSeenTo: after.lastSeenTo, lastSeenAt: null };
  tellPlaces(platform, { ...told, status: "offline", places: gone });
  const found = await sharedLeases(platform).read([userId]);
  const status = after.isInvisible ? "offline" : (found.get(userId) ?? "offline");
  tellPlaces(platform, { ...told, status, places: shownTo });
}
