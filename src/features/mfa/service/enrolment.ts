import { and, count, eq, isNull } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AlreadyExists, AppError, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { recordAudit } from "../../audit/mod.ts";
import { announceEnded, assertRecent, endWithin, type Session } from "../../auth/mod.ts";
import { accounts, sessions } from "../../auth/tables.ts";
import {
  EmailNotVerified,
  type RecoveryCodes,
  TotpMail,
  type TotpSetup,
  type TotpState,
} from "../schema.ts";
import { recoveryCodes, totpSecrets } from "../tables.ts";
import { newTotpSecret, otpauthUri, toBase32 } from "./one_time_codes.ts";
import { replaceRecoveryCodes } from "./recovery_codes.ts";
import { seal } from "./sealing.ts";
import { lockTotp, type TotpRow, tryCode } from "./second_factor.ts";

/** A secret that was left on a screen somewhere is not confirmed much later by somebody else. */
const SETUP_LIFE_MS = 900_000;

/** Whether a second factor guards the account. */
export async function getTotpState(platform: Platform, { userId }: Session): Promise<TotpState> {
  return await platform.db.run({ role: "app", userId }, async (tx) => {
    const [row] = await tx
      .select({ confirmedAt: totpSecrets.confirmedAt })
      .from(totpSecrets)
      .where(eq(totpSecrets.userId, userId));
    const [codes] = await tx
      .select({ left: count() })
      .from(recoveryCodes)
      .where(eq(recoveryCodes.userId, userId));
    const enabledAt = row?.confirmedAt?.toISOString() ?? null;
    return { isEnabled: enabledAt !== null, enabledAt, recoveryCodesLeft: codes?.left ?? 0 };
  });
}

/**
 * Makes a secret that waits to be confirmed, in the place of one that waited before.
 * @throws AppError reauthentication_required, email_not_verified, or already_exists where a second factor is on.
 */
export async function beginTotp(platform: Platform, session: Session): Promise<TotpSetup> {
  await assertRecent(platform, session);
  const { userId, email } = session;
  const secret = newTotpSecret();
  const fresh = {
    ...(await seal(platform.tokens, { userId, secret })),
    createdAt: platform.now(),
  };
  const rows = await platform.db.run({ role: "auth" }, async (tx) => {
    await assertVerified(tx, userId);
    return await tx
      .insert(totpSecrets)
      .values({ userId, ...fresh })
      .onConflictDoUpdate({
        target: totpSecrets.userId,
        set: { ...fresh, lastStep: 0 },
        setWhere: isNull(totpSecrets.confirmedAt),
      })
      .returning({ userId: totpSecrets.userId });
  });
  if (rows.length === 0)
    throw new AppError(AlreadyExists, `Cannot set up the app of user "${userId}": it is on`);
  return { secret: toBase32(secret), uri: otpauthUri(secret, email) };
}

/** Whoever has registered with somebody else's address could otherwise lock its owner out of the account for good. */
async function assertVerified(tx: Transaction, userId: string): Promise<void> {
  const [account] = await tx
    .select({ verifiedAt: accounts.emailVerifiedAt })
    .from(accounts)
    .where(eq(accounts.userId, userId));
  if (!account?.verifiedAt)
    throw new AppError(EmailNotVerified, `Cannot set up the app of user "${userId}": unverified`);
}

/**
 * Turns the second factor on, and ends every other session: none of them has shown the app, and one may be that of
 * whom the owner wants to keep out. @throws AppError not_found where nothing waits to be confirmed, totp_invalid, or
 * too_many_attempts.
 */
export async function confirmTotp(
  platform: Platform,
  session: Session,
  { code }: { code: string },
): Promise<RecoveryCodes> {
  const { userId } = session;
  const now = platform.now();
  const outcome = await platform.db.run({ role: "auth" }, async (tx) => {
    const row = await lockTotp(tx, userId);
    if (!row || !isWaiting(row, now))
      throw new AppError(NotFound, `Cannot confirm the app of user "${userId}": none waits`);
    const proof = await tryCode(platform, tx, { row, code });
    if ("refusal" in proof) return proof.refusal;
    await tx.update(totpSecrets).set({ confirmedAt: now }).where(eq(totpSecrets.userId, userId));
    // This session has just shown the app.
    await tx
      .update(sessions)
      .set({ methods: ["password", ...proof.methods] })
      .where(and(eq(sessions.id, session.sessionId), eq(sessions.userId, userId)));
    await note(platform, tx, { session, what: "enabled" });
    const which = { except: session.sessionId };
    const ended = await endWithin(tx, { userId, which, now });
    return { ended, recoveryCodes: await replaceRecoveryCodes(tx, userId) };
  });
  if (outcome instanceof AppError) throw outcome;
  const { ended, recoveryCodes: codes } = outcome;
  await announceEnded(platform, ended);
  platform.jobs.wake();
  return { recoveryCodes: codes };
}

function isWaiting({ confirmedAt, createdAt }: TotpRow, now: Date): boolean {
  return confirmedAt === null && now.getTime() - createdAt.getTime() <= SETUP_LIFE_MS;
}

/**
 * Turns the second factor off, for whoever still has it. @throws AppError reauthentication_required, not_found where it
 * is off, totp_invalid, or too_many_attempts.
 */
export async function disableTotp(
  platform: Platform,
  session: Session,
  { code }: { code: string },
): Promise<void> {
  await assertRecent(platform, session);
  const { userId } = session;
  const refusal = await platform.db.run({ role: "auth" }, async (tx) => {
    const row = await lockEnabled(tx, userId);
    const proof = await tryCode(platform, tx, { row, code });
    if ("refusal" in proof) return proof.refusal;
    await tx.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId));
    await tx.delete(totpSecrets).where(eq(totpSecrets.userId, userId));
    await note(platform, tx, { session, what: "disabled" });
    return undefined;
  });
  if (refusal) throw refusal;
  platform.jobs.wake();
}

/** Answers new recovery codes. @throws AppError reauthentication_required, or not_found without a second factor. */
export async function renewRecoveryCodes(
  platform: Platform,
  session: Session,
): Promise<RecoveryCodes> {
  await assertRecent(platform, session);
  const { userId } = session;
  const codes = await platform.db.run({ role: "auth" }, async (tx) => {
    await lockEnabled(tx, userId);
    await note(platform, tx, { session, what: "recovery_renewed" });
    return { recoveryCodes: await replaceRecoveryCodes(tx, userId) };
  });
  platform.jobs.wake();
  return codes;
}

async function lockEnabled(tx: Transaction, userId: string): Promise<TotpRow> {
  const row = await lockTotp(tx, userId);
  if (!row?.confirmedAt) throw new AppError(NotFound, `Cannot find an app of user "${userId}"`);
  return row;
}

/** An entry in the log and a mail, in the transaction of what they tell of. */
async function note(
  platform: Platform,
  tx: Transaction,
  { session, what }: { session: Session; what: "enabled" | "disabled" | "recovery_renewed" },
): Promise<void> {
  const { userId, sessionId } = session;
  await recordAudit(tx, {
    action: `mfa.${what}`,
    userId,
    actorId: userId,
    at: platform.now(),
    details: {},
    sessionId,
  });
  await enqueue(tx, TotpMail, { userId, what });
}
