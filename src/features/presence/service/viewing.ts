import type { Platform } from "../../../platform/platform.ts";
import type { PresenceList } from "../schema.ts";
import { type Asked, listAsked, mayKnow } from "./audience.ts";
import { sharedLeases, type Status } from "./leases.ts";

type Viewed = PresenceList["items"][number];

/** Who is there, as far as the viewer may know. @throws AppError dependency_unavailable when Redis is away. */
export async function listPresence(
  platform: Platform,
  { viewerId, userIds }: { viewerId: string; userIds: string[] },
): Promise<PresenceList> {
  const asked = await platform.db.run(
    { role: "system" },
    (tx) => listAsked(tx, viewerId, userIds),
    { read: true },
  );
  const shown = asked.filter(
    ({ userId, visibleTo, isContact }) => userId === viewerId || mayKnow(visibleTo, isContact),
  );
  const ids = shown.map(({ userId }) => userId);
  const statuses = await sharedLeases(platform).read(ids);
  return { items: shown.map((user) => view(user, statuses.get(user.userId) ?? "offline")) };
}

function view(user: Asked, present: Status): Viewed {
  const status = user.isInvisible ? "offline" : present;
  const isKnown = status === "offline" && mayKnow(user.lastSeenTo, user.isContact);
  const lastSeenAt = isKnown ? (user.lastSeenAt?.toISOString() ?? null) : null;
  return { userId: user.userId, status, lastSeenAt };
}
