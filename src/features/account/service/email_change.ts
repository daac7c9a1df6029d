import { and, eq, gt, inArray, lt, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { uniqueViolation } from "../../../platform/database_errors.ts";
import {
  AppError,
  type FieldError,
  SessionRevoked,
  ValidationFailed,
} from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { recordAudit } from "../../audit/mod.ts";
import {
  announceChanged,
  assertRecent,
  type Changed,
  normalizeEmail,
  noteChanged,
  type Session,
} from "../../auth/mod.ts";
import { accounts } from "../../auth/tables.ts";
import { EmailChangedMail, EmailChangeMail, type EmailConfirmed } from "../schema/credentials.ts";
import { emailChanges } from "../tables.ts";
import { withinLinks, withinOwnMails } from "./throttles.ts";
import { dropLinks, invalid, lockAccount, type Used, useToken } from "./tokens.ts";

/** Longer than a link lives, because its mail may have waited in the queue. */
const CHANGE_LIFE_MS = 3_600_000;
const MAX_SWEPT = 20;
const UNCHANGED: FieldError = {
  pointer: "/email",
  code: "unchanged",
  message: { en: "is the account's address already", vi: "đã là địa chỉ của tài khoản" },
};

/**
 * Asks both addresses whether the account may move from one to the other. A wish from before is void with all of its
 * links. Whether the new address is taken is not looked at here, so nobody learns it.
 * @throws AppError reauthentication_required; validation_failed for the address that the account has.
 */
export async function requestEmailChange(
  platform: Platform,
  session: Session,
  email: string,
): Promise<void> {
  await assertRecent(platform, session);
  const newEmail = normalizeEmail(email);
  await withinOwnMails(platform, { userId: session.userId, other: newEmail }, () =>
    platform.db.run({ role: "auth" }, (tx) => insertChange(platform, tx, { session, newEmail })),
  );
  platform.jobs.wake();
}

async function insertChange(
  platform: Platform,
  tx: Transaction,
  { session, newEmail }: { session: Session; newEmail: string },
): Promise<void> {
  const { userId, sessionId } = session;
  const now = platform.now();
  const account = await lockAccount(tx, userId);
  if (!account) throw new AppError(SessionRevoked, `Cannot find user "${userId}"`);
  if (account.email === newEmail)
    throw new AppError(ValidationFailed, "Cannot change the address", { errors: [UNCHANGED] });
  await tx.delete(emailChanges).where(eq(emailChanges.userId, userId));
  await sweep(tx, now);
  const changeId = Bun.randomUUIDv7();
  await tx.insert(emailChanges).values({
    id: changeId,
    userId,
    oldEmail: account.email,
    newEmail,
    createdAt: now,
    expiresAt: new Date(now.getTime() + CHANGE_LIFE_MS),
  });
  await recordAudit(tx, {
    action: "account.email_change_requested",
    userId,
    actorId: userId,
    at: now,
    details: {},
    sessionId,
  });
  await enqueue(tx, EmailChangeMail, { changeId, side: "old" });
  await enqueue(tx, EmailChangeMail, { changeId, side: "new" });
}

/** Deletes wishes that have expired; whatever another transaction holds is left to a later one. */
async function sweep(tx: Transaction, now: Date): Promise<void> {
  const expired = tx
    .select({ id: emailChanges.id })
    .from(emailChanges)
    .where(lt(emailChanges.expiresAt, now))
    .orderBy(emailChanges.expiresAt)
    .limit(MAX_SWEPT)
    .for("update", { skipLocked: true });
  await tx.delete(emailChanges).where(inArray(emailChanges.id, expired));
}

/**
 * Notes that one of the two addresses agrees; with the second one the account moves.
 * @throws AppError link_invalid, also when somebody else has the new address by now.
 */
export async function confirmEmailChange(
  platform: Platform,
  { token, address }: { token: string; address: string | undefined },
): Promise<EmailConfirmed> {
  const changed = await withinLinks(platform, address, async () => {
    try {
      return await platform.db.run({ role: "auth" }, (tx) => confirm(tx, token, platform.now()));
    } catch (error) {
      if (uniqueViolation(error) === "accounts_email_unique") throw invalid();
      throw error;
    }
  });
  if (changed) await announceChanged(platform, changed);
  return { changed: changed !== undefined };
}

async function confirm(tx: Transaction, token: string, now: Date): Promise<Changed | undefined> {
  const used = await useToken(tx, {
    token,
    purposes: ["email_change_old", "email_change_new"],
    now,
  });
  const change = await noteConfirmed(tx, used, now);
  if (!change.oldConfirmedAt || !change.newConfirmedAt) return undefined;
  const { userId } = used.owner;
  const [account] = await tx
    .update(accounts)
    .set({
      email: change.newEmail,
      emailVerifiedAt: now,
      version: sql`${accounts.version} + 1`,
    })
    .where(eq(accounts.userId, userId))
    .returning({ version: accounts.version });
  if (!account) throw invalid();
  await dropLinks(tx, { userId, purposes: ["email_verification", "password_reset"], now });
  await recordAudit(tx, {
    action: "account.email_changed",
    userId,
    actorId: userId,
    at: now,
    details: {},
  });
  await enqueue(tx, EmailChangedMail, { userId, address: change.oldEmail });
  return await noteChanged(tx, { userId, version: account.version, now });
}

async function noteConfirmed(
  tx: Transaction,
  { owner, purpose, email, changeId }: Used,
  now: Date,
): Promise<typeof emailChanges.$inferSelect> {
  if (changeId === null) throw invalid();
  const isOld = purpose === "email_change_old";
  const [change] = await tx
    .update(emailChanges)
    .set(isOld ? { oldConfirmedAt: now } : { newConfirmedAt: now })
    .where(
      and(
        eq(emailChanges.id, changeId),
        eq(emailChanges.userId, owner.userId),
        eq(emailChanges.oldEmail, owner.email),
        eq(isOld ? emailChanges.oldEmail : emailChanges.newEmail, email),
        gt(emailChanges.expiresAt, now),
      ),
    )
    .returning();
  if (!change) throw invalid();
  return change;
}
