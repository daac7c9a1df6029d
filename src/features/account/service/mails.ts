import { and, eq, gt, type SQL } from "drizzle-orm";

import type { Locale } from "../../../platform/errors.ts";
import { composeLetter, type Letter } from "../../../platform/mail/letter.ts";
import { sendNotice } from "../../../platform/mail/notice.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { calledInMail } from "../../auth/mod.ts";
import { accounts, users } from "../../auth/tables.ts";
import { emailChanges } from "../tables.ts";
import { EMAIL_CHANGE, EMAIL_CHANGED, PASSWORD, RESET, VERIFICATION } from "./letters.ts";
import { makeLink } from "./links.ts";

/** The job's id, which is the mail's, and when to give up. */
interface Sending {
  mailId: string;
  signal: AbortSignal;
}

interface Recipient {
  userId: string;
  name: string;
  email: string;
  locale: Locale;
  isProven: boolean;
}

/** Mails the link that confirms the address, unless that has been done. */
export async function sendVerificationMail(
  platform: WorkerPlatform,
  { userId, ...sending }: Sending & { userId: string },
): Promise<void> {
  const user = await findRecipient(platform, eq(accounts.userId, userId));
  if (!user || user.isProven) return;
  const { email } = user;
  const url = await makeLink(platform, {
    ...sending,
    userId,
    email,
    purpose: "email_verification",
  });
  if (url === undefined) return;
  await send(platform, sending, {
    user,
    letter: VERIFICATION[user.locale](calledInMail(user), url),
  });
}

/** Mails the link to a new password, if there is an account with this very address. */
export async function sendResetMail(
  platform: WorkerPlatform,
  { email, ...sending }: Sending & { email: string },
): Promise<void> {
  const user = await findRecipient(platform, eq(accounts.email, email));
  if (!user) return;
  const { userId } = user;
  const url = await makeLink(platform, { ...sending, userId, email, purpose: "password_reset" });
  if (url === undefined) return;
  await send(platform, sending, { user, letter: RESET[user.locale](calledInMail(user), url) });
}

/**
 * Tells the owner that the password is another now. Whoever has set one through a mailed link reads the mail of this
 * address, though it is not proven to be theirs.
 */
export async function sendPasswordMail(
  platform: WorkerPlatform,
  { userId, cause, mailId, signal }: Sending & { userId: string; cause: "changed" | "reset" },
): Promise<void> {
  const user = await findRecipient(platform, eq(accounts.userId, userId));
  if (!user) return;
  const url = platform.config.publicUrl.href;
  const letter = PASSWORD[cause][user.locale](user.name, url);
  const { name, email: address, locale, isProven } = user;
  const notice = { id: mailId, to: { name, address, locale }, letter, kind: "password" } as const;
  await sendNotice(
    platform,
    { ...notice, userId, isProven: isProven || cause === "reset" },
    signal,
  );
}

/**
 * Asks one of the two addresses. The new one gets nothing when it belongs to an account already: its owner has asked for
 * nothing, and whoever has asked does not learn of it.
 */
export async function sendEmailChangeMail(
  platform: WorkerPlatform,
  { changeId, side, ...sending }: Sending & { changeId: string; side: "old" | "new" },
): Promise<void> {
  const change = await findChange(platform, changeId);
  if (!change) return;
  const { userId, oldEmail, newEmail } = change;
  const user = await findRecipient(platform, eq(accounts.userId, userId));
  if (!user || user.email !== oldEmail) return;
  const email = side === "old" ? oldEmail : newEmail;
  if (side === "new" && (await findRecipient(platform, eq(accounts.email, email)))) return;
  const purpose = `email_change_${side}` as const;
  const url = await makeLink(platform, { ...sending, userId, email, purpose, changeId });
  if (url === undefined) return;
  const letter = EMAIL_CHANGE[side][user.locale](calledInMail(user), url);
  const isProven = side === "old" && user.isProven;
  await send(platform, sending, { user: { ...user, email, isProven }, letter });
}

/** Tells the address that an account had until now that it has another. */
export async function sendEmailChangedMail(
  platform: WorkerPlatform,
  { userId, address, ...sending }: Sending & { userId: string; address: string },
): Promise<void> {
  const user = await findRecipient(platform, eq(accounts.userId, userId));
  if (!user) return;
  const letter = EMAIL_CHANGED[user.locale](user.name, platform.config.publicUrl.href);
  await send(platform, sending, { user: { ...user, email: address }, letter });
}

async function send(
  platform: WorkerPlatform,
  { mailId, signal }: Sending,
  { user, letter }: { user: Recipient; letter: Letter },
): Promise<void> {
  const { email, locale } = user;
  const name = user.isProven ? user.name : "";
  const composed = composeLetter(locale, letter);
  const mail = { id: mailId, to: { name, address: email }, locale, ...composed };
  await platform.mailer.send(mail, signal);
}

async function findRecipient(
  platform: WorkerPlatform,
  condition: SQL,
): Promise<Recipient | undefined> {
  const [user] = await platform.db.run({ role: "system" }, (tx) =>
    tx
      .select({
        userId: accounts.userId,
        name: users.displayName,
        email: accounts.email,
        locale: accounts.locale,
        verifiedAt: accounts.emailVerifiedAt,
      })
      .from(accounts)
      .innerJoin(users, eq(users.id, accounts.userId))
      .where(condition),
  );
  if (!user) return undefined;
  const { verifiedAt, ...rest } = user;
  return { ...rest, isProven: verifiedAt !== null };
}

async function findChange(platform: WorkerPlatform, changeId: string) {
  const [change] = await platform.db.run({ role: "system" }, (tx) =>
    tx
      .select({
        userId: emailChanges.userId,
        oldEmail: emailChanges.oldEmail,
        newEmail: emailChanges.newEmail,
      })
      .from(emailChanges)
      .where(and(eq(emailChanges.id, changeId), gt(emailChanges.expiresAt, platform.now()))),
  );
  return change;
}
