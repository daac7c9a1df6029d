import { and, eq, isNull } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, SessionRevoked } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { lockTotp, proveSecondFactor } from "../../mfa/mod.ts";
import { totpSecrets } from "../../mfa/tables.ts";
import { ReauthenticationRequired, type Session } from "../schema.ts";
import { sessions } from "../tables.ts";
import { selectMe, type SignIn } from "./accounts.ts";
import { holdPassword, withPassword } from "./password_proof.ts";
import {
  assertAlive,
  handOut,
  judgeProof,
  lockSession,
  positionsOf,
  takeStep,
} from "./rotation.ts";
import type { Caller } from "./sessions.ts";

type Ids = Pick<Session, "userId" | "sessionId">;

/** For this long after proving who one is, what needs care may be done. */
const RECENT_MS = 600_000;

/** How the person behind a session has last proved who they are. */
interface Proof {
  isGuarded: boolean;
  isFresh: boolean;
}

/**
 * Asks that the person behind the session has proved who they are a short time ago: an unlocked device that somebody
 * else holds must not be enough to take an account over. Where there is a second factor by now, the password alone is
 * no proof any more. @throws AppError reauthentication_required.
 */
export async function assertRecent(platform: Platform, session: Ids): Promise<void> {
  const { isFresh } = await findProof(platform, session);
  if (!isFresh) throw tooOld(session);
}

/**
 * The same for what asks for the password itself, which is proof enough where there is no second factor.
 * @throws AppError reauthentication_required.
 */
export async function assertRecentIfGuarded(platform: Platform, session: Ids): Promise<void> {
  const { isGuarded, isFresh } = await findProof(platform, session);
  if (isGuarded && !isFresh) throw tooOld(session);
}

function tooOld({ sessionId }: Ids): AppError {
  return new AppError(ReauthenticationRequired, `Cannot go on in session "${sessionId}"`);
}

/** Read from the row, because a copy may be older. */
async function findProof(platform: Platform, { userId, sessionId }: Ids): Promise<Proof> {
  const [row] = await platform.db.run({ role: "app", userId }, (tx) =>
    tx
      .select({
        authenticatedAt: sessions.authenticatedAt,
        methods: sessions.methods,
        guardedSince: totpSecrets.confirmedAt,
      })
      .from(sessions)
      .leftJoin(totpSecrets, eq(totpSecrets.userId, sessions.userId))
      .where(
        and(eq(sessions.id, sessionId), eq(sessions.userId, userId), isNull(sessions.revokedAt)),
      ),
  );
  if (!row) throw new AppError(SessionRevoked, `Cannot use session "${sessionId}": it has ended`);
  const isOld = platform.now().getTime() - row.authenticatedAt.getTime() > RECENT_MS;
  const isGuarded = row.guardedSince !== null;
  const isHalf = isGuarded && row.methods.length < 2;
  return { isGuarded, isFresh: !isOld && !isHalf };
}

/**
 * Proves anew who is behind the session, which gets new tokens by the same step as at a refresh: the refresh token from
 * before is reuse soon after the new tokens are used, and a lost answer signs nobody out.
 * @throws AppError invalid_credentials, session_revoked; where there is a second factor also totp_required,
 * totp_invalid; too_many_attempts.
 */
export async function reauthenticate(
  platform: Platform,
  session: Ids & Pick<Caller, "counter">,
  { password, code }: { password: string; code?: string },
): Promise<SignIn> {
  const { userId } = session;
  const proven = await withPassword(platform, { userId, password }, async (passwordHash) => {
    const outcome = await platform.db.run({ role: "auth" }, async (tx) => {
      const [held, row] = await Promise.all([
        holdPassword(tx, { userId, passwordHash }),
        lockTotp(tx, userId),
      ]);
      if (!held) return undefined;
      const proof = await proveSecondFactor(platform, tx, { userId, row, code });
      if ("refusal" in proof) return proof.refusal;
      return await renew(platform, tx, { session, methods: ["password", ...proof.methods] });
    });
    if (outcome instanceof AppError) throw outcome;
    return outcome;
  });
  return await handOut(platform, proven);
}

/** Notes in the session what was shown, and moves it on from the tokens that its client holds. */
async function renew(
  platform: Platform,
  tx: Transaction,
  { session, methods }: { session: Ids & Pick<Caller, "counter">; methods: string[] },
): Promise<Parameters<typeof handOut>[1]> {
  const { userId, sessionId } = session;
  const row = await lockSession(tx, session);
  if (!row) throw new AppError(SessionRevoked, `Cannot use session "${sessionId}": it is gone`);
  assertAlive(platform, row);
  const now = platform.now();
  await tx.update(sessions).set({ authenticatedAt: now, methods }).where(eq(sessions.id, row.id));
  const at = { shown: session.counter, now };
  const isNew = judgeProof(positionsOf(row, at)) === "rotate";
  const counter = isNew ? await takeStep(tx, { row, ...at }) : row.refreshCounter;
  return { row, counter, user: await selectMe(tx, userId) };
}
