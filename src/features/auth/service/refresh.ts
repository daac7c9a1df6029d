import { eq } from "drizzle-orm";

import { AppError, TokenInvalid } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { recordAudit } from "../../audit/mod.ts";
import { RefreshReused, RefreshSuperseded, ReuseMail } from "../schema.ts";
import { sessions } from "../tables.ts";
import { selectMe, type SignIn } from "./accounts.ts";
import { isGenuine, readRefreshToken, type RefreshToken } from "./refresh_tokens.ts";
import {
  assertAlive,
  handOut,
  judgeRefresh,
  lockSession,
  positionsOf,
  takeStep,
} from "./rotation.ts";
import { endSessions } from "./session_end.ts";

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
  const judged = await platform.db.run({ role: "auth" }, async (tx) => {
    const row = await lockSession(tx, token);
    if (!row || !isGenuine(text, row.refreshKey))
      throw new AppError(TokenInvalid, "Cannot refresh: the token is not ours");
    assertAlive(platform, row);
    const at = { shown: token.counter, now: platform.now() };
    const verdict = judgeRefresh(positionsOf(row, at));
    if (verdict === "superseded" || verdict === "reused") return verdict;
    const counter = verdict === "rotate" ? await takeStep(tx, { row, ...at }) : row.refreshCounter;
    return { row, counter, user: await selectMe(tx, token.userId) };
  });
  if (judged === "superseded")
    throw new AppError(RefreshSuperseded, `Cannot refresh session "${token.sessionId}" so late`);
  if (judged === "reused") {
    await endReused(platform, token);
    throw new AppError(RefreshReused, `Cannot refresh session "${token.sessionId}": token reused`);
  }
  return await handOut(platform, judged);
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
