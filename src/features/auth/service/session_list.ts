import { and, desc, eq, gt, isNull, lt } from "drizzle-orm";

import { AppError, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { recordAudit } from "../../audit/mod.ts";
import type { Session, SessionItem } from "../schema.ts";
import { sessions } from "../tables.ts";
import { endSessions } from "./session_end.ts";

/** The user's living sessions, the newest first, those behind the cursor. */
export async function listSessions(
  platform: Platform,
  { userId, sessionId }: Session,
  page: { limit: number; cursor?: string },
): Promise<{ items: SessionItem[]; page: { nextCursor: string | null; limit: number } }> {
  const { limit, cursor } = page;
  const scope = `sessions ${userId}`;
  const before =
    cursor === undefined ? undefined : String(platform.cursors.decode(scope, cursor)[0]);
  const now = platform.now();
  const idle = new Date(now.getTime() - platform.config.sessionIdleMs);
  const rows = await platform.db.run({ role: "app", userId }, (tx) =>
    tx
      .select({
        id: sessions.id,
        device: sessions.device,
        network: sessions.network,
        createdAt: sessions.createdAt,
        lastSeenAt: sessions.lastSeenAt,
        authenticatedAt: sessions.authenticatedAt,
      })
      .from(sessions)
      .where(
        and(
          eq(sessions.userId, userId),
          isNull(sessions.revokedAt),
          gt(sessions.expiresAt, now),
          gt(sessions.refreshedAt, idle),
          before === undefined ? undefined : lt(sessions.id, before),
        ),
      )
      .orderBy(desc(sessions.id))
      .limit(limit + 1),
  );
  const items = rows.slice(0, limit).map((row) => ({
    ...row,
    isCurrent: row.id === sessionId,
    createdAt: row.createdAt.toISOString(),
    lastSeenAt: row.lastSeenAt.toISOString(),
    authenticatedAt: row.authenticatedAt.toISOString(),
  }));
  const last = rows.length > limit ? items.at(-1) : undefined;
  return {
    items,
    page: { nextCursor: last ? platform.cursors.encode(scope, [last.id]) : null, limit },
  };
}

/** Ends one of the user's sessions. @throws AppError not_found for one that is not theirs or has ended. */
export async function endSession(
  platform: Platform,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<void> {
  const ended = await endSessions(platform, {
    userId,
    which: { sessionId },
    also: (tx) =>
      recordAudit(tx, {
        action: "auth.session_ended",
        userId,
        actorId: userId,
        at: platform.now(),
        details: {},
        sessionId,
      }),
  });
  if (ended === 0) throw new AppError(NotFound, `Cannot end session "${sessionId}"`);
}

/** Ends all of the user's sessions, or all but the one that asks. */
export async function endManySessions(
  platform: Platform,
  { userId, sessionId }: Session,
  scope: "others" | "all",
): Promise<void> {
  const which = scope === "all" ? ("all" as const) : { except: sessionId };
  await endSessions(platform, {
    userId,
    which,
    also: (tx) =>
      recordAudit(tx, {
        action: "auth.sessions_ended",
        userId,
        actorId: userId,
        at: platform.now(),
        details: { scope },
        sessionId,
      }),
  });
}
