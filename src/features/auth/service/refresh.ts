import { eq } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, SessionRevoked, TokenInvalid } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { recordAudit } from "../../audit/mod.ts";
import { RefreshReused, RefreshSuperseded, ReuseMail } from "../schema.ts";
import { sessions } from "../tables.ts";
import { selectMe, type SignIn } from "./accounts.ts";
import {
  isGenuine,
  readRefreshToken,
  type RefreshToken,
  writeRefreshToken,
} from "./refresh_tokens.ts";
import { endSessions } from "./session_end.ts";

/** Two tabs, or a lost answer: for this long the token before the valid one gets the same answer, whatever has happened. */
const GRACE_MS = 10_000;

type Row = typeof sessions.$inferSelect;

/**
 * Exchanges a refresh token for its successor and a new access token. The session's row is locked meanwhile, so any
 * number of simultaneous calls make one step and get identical refresh tokens. A token whose successor was never seen
 * in use is honoured again, because its answer may have been lost on the way; one whose successor was used is in the
 * wrong hands, or its successor is.
 * @throws AppError token_invalid, session_revoked, refresh_superseded, or refresh_reused after ending the session.
 */
export async function refresh(platform: Platform, text: string): Promise<SignIn> {
  const token = readRefreshToken(text);
  if (!token) throw new AppError(TokenInvalid, "Cannot refresh: this is no refresh token");
  const { step, row, user } = await platform.db.run({ role: "auth" }, async (tx) => {
    const [found] = await tx
      .select()
      .from(sessions)
      .where(eq(sessions.id, token.sessionId))
      .for("update");
    if (!found || found.userId !== token.userId || !isGenuine(text, found.refreshKey))
      throw new AppError(TokenInvalid, "Cannot refresh: the token is not ours");
    assertAlive(platform, found);
    const taken = await takeStep(tx, { row: found, token, now: platform.now() });
    return { step: taken, row: found, user: await selectMe(tx, token.userId) };
  });
  if (step === "superseded")
    throw new AppError(RefreshSuperseded, `Cannot refresh session "${token.sessionId}" so late`);
  if (step === "reused") {
    await endReused(platform, token);
    throw new AppError(RefreshReused, `Cannot refresh session "${token.sessionId}": token reused`);
  }
  const access = await platform.tokens.sign({ ...token, counter: step });
  return {
    user,
    accessToken: access.token,
    expiresIn: access.expiresIn,
    refreshToken: writeRefreshToken({ ...token, counter: step }, row.refreshKey),
  };
}

function assertAlive({ config, now }: Platform, row: Row): void {
  const time = now().getTime();
  const idle = time - row.refreshedAt.getTime() > config.sessionIdleMs;
  if (row.revokedAt || row.expiresAt.getTime() <= time || idle)
    throw new AppError(SessionRevoked, `Cannot refresh session "${row.id}": it has ended`);
}

/** What to do with a genuine token of a living session. */
export type Verdict = "rotate" | "repeat" | "superseded" | "reused";

/** The rule, apart from the database: the counter that is valid, the highest one seen in use, and the one that is shown. */
export function judgeRefresh(state: {
  valid: number;
  seen: number;
  shown: number;
  sinceRotationMs: number;
}): Verdict {
  const { valid, seen, shown, sinceRotationMs } = state;
  // One that is ahead was handed out by a database that has since been put back to an older state.
  if (shown >= valid) return "rotate";
  const inGrace = sinceRotationMs <= GRACE_MS;
  if (shown === valid - 1) return inGrace || seen < valid ? "repeat" : "reused";
  return inGrace ? "superseded" : "reused";
}

/** The counter of the token to hand out, or why there is none. */
async function takeStep(
  tx: Transaction,
  { row, token, now }: { row: Row; token: RefreshToken; now: Date },
): Promise<number | "superseded" | "reused"> {
  const verdict = judgeRefresh({
    valid: row.refreshCounter,
    seen: row.seenCounter,
    shown: token.counter,
    sinceRotationMs: now.getTime() - row.refreshedAt.getTime(),
  });
  if (verdict === "repeat") return row.refreshCounter;
  if (verdict !== "rotate") return verdict;
  const counter = token.counter + 1;
  const step = { refreshCounter: counter, seenCounter: token.counter, refreshedAt: now };
  await tx
    .update(sessions)
    .set({ ...step, lastSeenAt: now })
    .where(eq(sessions.id, row.id));
  return counter;
}

/** Ends the session for thief and owner alike, and tells the owner, all in one transaction. */
async function endReused(platform: Platform, token: RefreshToken): Promise<void> {
  await endSessions(platform, {
    userId: token.userId,
    which: { sessionId: token.sessionId },
    also: async (tx) => {
      const { userId, sessionId } = token;
      await enqueue(tx, ReuseMail, { userId, sessionId });
      // Which of the two holders was the owner nobody can tell.
      await recordAudit(tx, {
        action: "auth.refresh_reused",
        userId,
        actorId: null,
        at: platform.now(),
        details: {},
        sessionId,
      });
    },
  });
  platform.jobs.wake();
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
