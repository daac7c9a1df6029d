import { and, eq, gt, isNull } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, SessionRevoked } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { busOutbox } from "../../../platform/tables.ts";
import type { Me, Session } from "../schema.ts";
import { accounts, sessions, users } from "../tables.ts";
import { writeRefreshToken } from "./refresh_tokens.ts";
import { readCopy, TOMBSTONE, writeCopy, writeTombstone } from "./session_copies.ts";

/** A session ends when it was not refreshed for this long, and in any case at its absolute end. */
export const IDLE_MS = 14 * 86_400_000;
const ABSOLUTE_MS = 90 * 86_400_000;
const KEY_BYTES = 32;

export interface NewSession {
  sessionId: string;
  refreshToken: string;
}

/** Writes the session's row; the caller's transaction makes it one with whatever else signs the user in. */
export async function insertSession(
  tx: Transaction,
  user: { userId: string; now: Date },
): Promise<NewSession> {
  const sessionId = Bun.randomUUIDv7();
  const refreshKey = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  await tx.insert(sessions).values({
    id: sessionId,
    userId: user.userId,
    refreshKey,
    refreshedAt: user.now,
    createdAt: user.now,
    expiresAt: new Date(user.now.getTime() + ABSOLUTE_MS),
  });
  const token = { userId: user.userId, sessionId, counter: 0 };
  return { sessionId, refreshToken: writeRefreshToken(token, refreshKey) };
}

/** The living session behind a bearer token. @throws AppError when the token or the session is not good. */
export async function authenticate(platform: Platform, token: string): Promise<Session> {
  const { userId, sessionId } = await platform.tokens.verify(token);
  return await getSession(platform, { userId, sessionId });
}

/** The user's own account, as the session carries it. */
export function getMe({ userId, email, displayName, role, tier, locale, createdAt }: Session): Me {
  return { id: userId, email, displayName, role, tier, locale, createdAt };
}

/** Reads the copy in Redis, else the row in Postgres. @throws AppError session_revoked when it has ended. */
export async function getSession(
  platform: Platform,
  ids: { userId: string; sessionId: string },
): Promise<Session> {
  const session = (await readCopy(platform, ids)) ?? (await loadSession(platform, ids));
  if (!session || session === TOMBSTONE)
    throw new AppError(SessionRevoked, `Cannot use session "${ids.sessionId}": it has ended`);
  return session;
}

/** True while the session has neither ended nor expired. */
export async function isSessionAlive(
  platform: Platform,
  ids: { userId: string; sessionId: string },
): Promise<boolean> {
  try {
    await getSession(platform, ids);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.kind === SessionRevoked) return false;
    throw error;
  }
}

async function loadSession(
  platform: Platform,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<Session | undefined> {
  const now = platform.now();
  const [row] = await platform.db.run({ role: "auth" }, (tx) =>
    tx
      .select({
        email: accounts.email,
        displayName: users.displayName,
        role: accounts.role,
        tier: accounts.tier,
        locale: accounts.locale,
        createdAt: users.createdAt,
      })
      .from(sessions)
      .innerJoin(accounts, eq(accounts.userId, sessions.userId))
      .innerJoin(users, eq(users.id, sessions.userId))
      .where(
        and(
          eq(sessions.id, sessionId),
          eq(sessions.userId, userId),
          isNull(sessions.revokedAt),
          gt(sessions.expiresAt, now),
          gt(sessions.refreshedAt, new Date(now.getTime() - IDLE_MS)),
        ),
      ),
  );
  if (!row) return undefined;
  const createdAt = row.createdAt.toISOString();
  const session: Session = { userId, sessionId, ...row, createdAt };
  await writeCopy(platform, session);
  return session;
}

/** Ends the session on every instance: the row first, then the copy, then its sockets. */
export async function revokeSession(
  platform: Platform,
  ids: { userId: string; sessionId: string },
): Promise<void> {
  const outboxId = Bun.randomUUIDv7();
  const channel = `u:${ids.userId}`;
  const text = JSON.stringify({ op: "end", sessionId: ids.sessionId });
  const ended = await platform.db.run({ role: "auth" }, async (tx) => {
    const rows = await tx
      .update(sessions)
      .set({ revokedAt: platform.now() })
      .where(
        and(
          eq(sessions.id, ids.sessionId),
          eq(sessions.userId, ids.userId),
          isNull(sessions.revokedAt),
        ),
      )
      .returning({ id: sessions.id });
    if (rows.length > 0)
      await tx.insert(busOutbox).values({ id: outboxId, channel, payload: text });
    return rows.length > 0;
  });
  await writeTombstone(platform, ids);
  if (ended) platform.outbox.publish([{ outboxId, channel, text }]);
}
