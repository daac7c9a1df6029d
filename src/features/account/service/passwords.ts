import { eq } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { networkOf } from "../../../platform/http/client_address.ts";
import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { recordAudit } from "../../audit/mod.ts";
import {
  announceEnded,
  assertPasswordFits,
  assertRecentIfGuarded,
  type Ended,
  endWithin,
  hashPassword,
  holdPassword,
  normalizeEmail,
  type Session,
  withPassword,
} from "../../auth/mod.ts";
import { accounts } from "../../auth/tables.ts";
import { PasswordMail, ResetMail } from "../schema/credentials.ts";
import { keepRecovered } from "./deletion.ts";
import { withinLinks, withinMails } from "./throttles.ts";
import { dropLinks, findOwner, invalid, useToken } from "./tokens.ts";

interface From {
  /** The caller's, undefined where it is not known. */
  address: string | undefined;
}

/**
 * Asks for a mail with a link to a new password. Whether there is such an account is looked up by the job, so that what
 * happens here is the same for everybody, and takes as long.
 */
export async function forgetPassword(
  platform: Platform,
  { email, address }: From & { email: string },
): Promise<void> {
  const normalized = normalizeEmail(email);
  await withinMails(platform, { to: [normalized], address }, () =>
    platform.db.run({ role: "auth" }, (tx) => enqueue(tx, ResetMail, { email: normalized })),
  );
  platform.jobs.wake();
}

/**
 * Sets the password of the account that the token was mailed for, ends all of its sessions, and takes a planned deletion
 * back. Nobody is signed in by it, and nothing else is proven: not the address, and not a second factor.
 * @throws AppError link_invalid; validation_failed for a password that is guessed soon, which uses no token up.
 */
export async function resetPassword(
  platform: Platform,
  { token, password, address }: From & { token: string; password: string },
): Promise<void> {
  const ended = await withinLinks(platform, address, async () => {
    const now = platform.now();
    const wanted = { token, purposes: ["password_reset" as const], now };
    // Only who shows a living token costs us a hash.
    const known = await platform.db.run({ role: "auth" }, (tx) => findOwner(tx, wanted));
    assertPasswordFits(password, known);
    const passwordHash = await hashPassword(password);
    return await platform.db.run({ role: "auth" }, async (tx) => {
      const { owner, email } = await useToken(tx, wanted);
      if (owner.email !== email) throw invalid();
      const { userId } = owner;
      await tx.update(accounts).set({ passwordHash }).where(eq(accounts.userId, userId));
      await keepRecovered(tx, { userId, now });
      return await settle(tx, { userId, cause: "reset", which: "all", now, address });
    });
  });
  await announceEnded(platform, ended);
  platform.jobs.wake();
}

/**
 * Replaces the password of a signed-in user and ends their other sessions. Where there is a second factor, the present
 * password is not enough: the session has to have shown both a short time ago.
 * @throws AppError reauthentication_required; validation_failed; invalid_credentials when the present password is
 * another; too_many_attempts.
 */
export async function changePassword(
  platform: Platform,
  session: Session,
  input: From & { currentPassword: string; newPassword: string },
): Promise<void> {
  const { userId, sessionId, email, displayName } = session;
  await assertRecentIfGuarded(platform, session);
  // Whoever can only be refused costs us no hash.
  assertPasswordFits(input.newPassword, { email, displayName, pointer: "/newPassword" });
  const shown = { userId, password: input.currentPassword };
  const ended = await withPassword(platform, shown, async (before) => {
    const passwordHash = await hashPassword(input.newPassword);
    return await platform.db.run({ role: "auth" }, async (tx) => {
      if (!(await holdPassword(tx, { userId, passwordHash: before }))) return undefined;
      await tx.update(accounts).set({ passwordHash }).where(eq(accounts.userId, userId));
      const which = { except: sessionId };
      const now = platform.now();
      const { address } = input;
      return await settle(tx, { userId, sessionId, cause: "changed", which, now, address });
    });
  });
  await announceEnded(platform, ended);
  platform.jobs.wake();
}

interface Settled extends From {
  userId: string;
  sessionId?: string;
  cause: "changed" | "reset";
  which: Parameters<typeof endWithin>[1]["which"];
  now: Date;
}

/** What follows from every new password: nothing that was possible with the old one goes on. */
async function settle(tx: Transaction, settled: Settled): Promise<Ended> {
  const { userId, sessionId, cause, which, now, address } = settled;
  const purposes = ["password_reset", "email_change_old", "email_change_new"] as const;
  await dropLinks(tx, { userId, purposes: [...purposes], now });
  const network = networkOf(address);
  await recordAudit(tx, {
    action: cause === "reset" ? "account.password_reset" : "account.password_changed",
    userId,
    actorId: userId,
    at: now,
    details: {},
    ...(sessionId === undefined ? {} : { sessionId }),
    ...(network === undefined ? {} : { network }),
  });
  await enqueue(tx, PasswordMail, { userId, cause });
  return await endWithin(tx, { userId, which, now });
}
