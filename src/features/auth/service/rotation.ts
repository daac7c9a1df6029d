import { and, eq } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, SessionRevoked } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Me } from "../schema.ts";
import { sessions } from "../tables.ts";
import type { SignIn } from "./accounts.ts";
import { writeRefreshToken } from "./refresh_tokens.ts";

/** Two tabs, or a lost answer: for this long the token before the valid one gets the same answer, whatever has happened. */
const GRACE_MS = 10_000;
/**
 * An honest client is outrun by its own tabs by a few steps within that time. Without a bound, a thief who rotates every
 * few seconds would never be noticed: whatever the owner shows would have just been replaced.
 */
const MAX_STEPS_OUTRUN = 8;

export type SessionRow = typeof sessions.$inferSelect;

/** Positions in a session's chain of tokens: the valid one, the highest one seen in use, and the one that is shown. */
export interface Positions {
  valid: number;
  seen: number;
  shown: number;
  sinceRotationMs: number;
}

/** What to do with a genuine token of a living session. */
export type Verdict = "rotate" | "repeat" | "superseded" | "reused";

/** The rule for a refresh token, apart from the database. */
export function judgeRefresh({ valid, seen, shown, sinceRotationMs }: Positions): Verdict {
  // One that is ahead was handed out by a database that has since been put back to an older state.
  if (shown >= valid) return "rotate";
  const inGrace = sinceRotationMs <= GRACE_MS;
  if (shown === valid - 1) return inGrace || seen < valid ? "repeat" : "reused";
  return inGrace && valid - shown <= MAX_STEPS_OUTRUN ? "superseded" : "reused";
}

/**
 * The rule for an access token that came with a proof of who shows it. An old one is no reuse, because each works until
 * it expires. While nothing of the newest answer was seen in use, the client may hold no more than the token before it,
 * so another step would leave it behind.
 */
export function judgeProof({ valid, seen, shown, sinceRotationMs }: Positions): Verdict {
  if (shown >= valid) return "rotate";
  return sinceRotationMs <= GRACE_MS || seen < valid ? "repeat" : "rotate";
}

/** The session's row, in which nobody else takes a step before this transaction ends. */
export async function lockSession(
  tx: Transaction,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<SessionRow | undefined> {
  const [row] = await tx
    .select()
    .from(sessions)
    .where(and(eq(sessions.id, sessionId), eq(sessions.userId, userId)))
    .for("update");
  return row;
}

/** @throws AppError session_revoked. */
export function assertAlive({ config, now }: Platform, row: SessionRow): void {
  const time = now().getTime();
  const idle = time - row.refreshedAt.getTime() > config.sessionIdleMs;
  if (row.revokedAt || row.expiresAt.getTime() <= time || idle)
    throw new AppError(SessionRevoked, `Cannot renew session "${row.id}": it has ended`);
}

/** Where a locked row stands for a token of this position. */
export function positionsOf(
  row: SessionRow,
  { shown, now }: { shown: number; now: Date },
): Positions {
  return {
    valid: row.refreshCounter,
    seen: row.seenCounter,
    shown,
    sinceRotationMs: now.getTime() - row.refreshedAt.getTime(),
  };
}

/** Moves a locked session on from what its client holds; answers the position of the tokens to hand out. */
export async function takeStep(
  tx: Transaction,
  { row, shown, now }: { row: SessionRow; shown: number; now: Date },
): Promise<number> {
  const held = Math.max(shown, row.refreshCounter);
  const step = { refreshCounter: held + 1, seenCounter: held, refreshedAt: now };
  await tx
    .update(sessions)
    .set({ ...step, lastSeenAt: now })
    .where(eq(sessions.id, row.id));
  return held + 1;
}

/** The tokens of one position; the same position always has the same refresh token. */
export async function handOut(
  platform: Platform,
  { row, counter, user }: { row: SessionRow; counter: number; user: Me },
): Promise<SignIn> {
  const token = { userId: row.userId, sessionId: row.id, counter };
  const access = await platform.tokens.sign(token);
  return {
    user,
    accessToken: access.token,
    expiresIn: access.expiresIn,
    refreshToken: writeRefreshToken(token, row.refreshKey),
  };
}
