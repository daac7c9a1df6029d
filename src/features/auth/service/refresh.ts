import { eq } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, SessionRevoked, TokenInvalid } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { RefreshReused } from "../schema.ts";
import { sessions } from "../tables.ts";
import { selectMe, type SignIn } from "./accounts.ts";
import {
  isGenuine,
  readRefreshToken,
  type RefreshToken,
  writeRefreshToken,
} from "./refresh_tokens.ts";
import { IDLE_MS, revokeSession } from "./sessions.ts";

/** Two tabs, or a lost answer: for this long the token before the valid one gets the same answer as the first time. */
const GRACE_MS = 10_000;

type Row = typeof sessions.$inferSelect;

/**
 * Exchanges a refresh token for its successor and a new access token. The session's row is locked meanwhile, so any
 * number of simultaneous calls make one step and get identical refresh tokens.
 * @throws AppError token_invalid, session_revoked, or refresh_reused after ending the session.
 */
export async function refresh(platform: Platform, text: string): Promise<SignIn> {
  const token = readRefreshToken(text);
  if (!token) throw new AppError(TokenInvalid, "Cannot refresh: this is no refresh token");
  const outcome = await platform.db.run({ role: "auth" }, async (tx) => {
    const [row] = await tx
      .select()
      .from(sessions)
      .where(eq(sessions.id, token.sessionId))
      .for("update");
    if (!row || row.userId !== token.userId || !isGenuine(text, row.refreshKey))
      throw new AppError(TokenInvalid, "Cannot refresh: the token is not ours");
    assertAlive(row, platform.now());
    const counter = await step(tx, { row, token, now: platform.now() });
    return counter === undefined
      ? undefined
      : { counter, row, user: await selectMe(tx, token.userId) };
  });
  if (!outcome) {
    await revokeSession(platform, token);
    throw new AppError(RefreshReused, `Cannot refresh session "${token.sessionId}": token reused`);
  }
  const { counter, row, user } = outcome;
  const access = await platform.tokens.sign(token);
  return {
    user,
    accessToken: access.token,
    expiresIn: access.expiresIn,
    refreshToken: writeRefreshToken({ ...token, counter }, row.refreshKey),
  };
}

function assertAlive(row: Row, now: Date): void {
  const idle = now.getTime() - row.refreshedAt.getTime() > IDLE_MS;
  if (row.revokedAt || row.expiresAt <= now || idle)
    throw new AppError(SessionRevoked, `Cannot refresh session "${row.id}": it has ended`);
}

/** The counter of the token to hand out, or undefined when the given one was used before. */
async function step(
  tx: Transaction,
  { row, token, now }: { row: Row; token: RefreshToken; now: Date },
): Promise<number | undefined> {
  if (token.counter === row.refreshCounter) {
    const counter = row.refreshCounter + 1;
    await tx
      .update(sessions)
      .set({ refreshCounter: counter, refreshedAt: now })
      .where(eq(sessions.id, row.id));
    return counter;
  }
  const fresh = now.getTime() - row.refreshedAt.getTime() <= GRACE_MS;
  return token.counter === row.refreshCounter - 1 && fresh ? row.refreshCounter : undefined;
}

/** The session that a refresh token belongs to, if the token is genuine, however old. */
export async function findSessionOf(
  platform: Platform,
  text: string,
): Promise<RefreshToken | undefined> {
  const token = readRefreshToken(text);
  if (!token) return undefined;
  const [row] = await platform.db.run({ role: "auth" }, (tx) =>
    tx.select().from(sessions).where(eq(sessions.id, token.sessionId)),
  );
  return row && row.userId === token.userId && isGenuine(text, row.refreshKey) ? token : undefined;
}
