import type { Locale } from "../../../platform/errors.ts";
import { sendLetter } from "../../../platform/mail/letter.ts";
import { noticeCountsOf, type NoticeKind, sendNotice } from "../../../platform/mail/notice.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { forgetSubjects } from "../../../platform/throttle.ts";
import { findAddressee } from "../../auth/mod.ts";
import type { DeletionMail, ErasedMail, ExportMail } from "../schema/credentials.ts";
import { DELETION, ERASED, EXPORT, type Letters } from "./lifecycle_letters.ts";

/** The job's id, which is the mail's, and when to give up. */
interface Sending {
  mailId: string;
  signal: AbortSignal;
}

/** Tells the owner that their account will be erased, or that it stays. */
export async function sendDeletionMail(
  platform: WorkerPlatform,
  { userId, what, dueAt, ...sending }: Sending & (typeof DeletionMail)["payload"]["static"],
): Promise<void> {
  const letters = DELETION[what];
  await tell(platform, sending, { kind: "deletion", userId, letters, time: dueAt });
}

/** Tells the owner that the copy of their data can be fetched. */
export async function sendExportMail(
  platform: WorkerPlatform,
  { userId, expiresAt, ...sending }: Sending & (typeof ExportMail)["payload"]["static"],
): Promise<void> {
  await tell(platform, sending, { kind: "export", userId, letters: EXPORT, time: expiresAt });
}

/**
 * The end of an erasure: what Redis counts under the address or the user goes, and the address is told. Counts of an
 * address together with a caller cannot be named; they expire by themselves within hours.
 */
export async function sendErasedMail(
  platform: WorkerPlatform,
  { userId, address, locale, mailId, signal }: Sending & (typeof ErasedMail)["payload"]["static"],
): Promise<void> {
  await forgetSubjects(platform, [
    { scope: "login", name: "account", subject: address },
    { scope: "login", name: "known", subject: address },
    { scope: "mail", name: "mailbox", subject: address },
    { scope: "own_mail", name: "mailbox", subject: address },
    { scope: "own_mail", name: "user", subject: userId },
    { scope: "deletion", name: "user", subject: userId },
    { scope: "password", name: "account", subject: userId },
    ...noticeCountsOf(userId),
  ]);
  const to = { name: "", address, locale };
  await sendLetter(platform, { id: mailId, to, letter: ERASED[locale] }, signal);
}

interface Telling {
  kind: NoticeKind;
  userId: string;
  letters: Letters;
  /** What the letter is about comes on the day of this time. */
  time: string;
}

async function tell(
  platform: WorkerPlatform,
  { mailId: id, signal }: Sending,
  { kind, userId, letters, time }: Telling,
): Promise<void> {
  const to = await findAddressee(platform, userId);
  if (!to) return;
  const url = platform.config.publicUrl.href;
  const letter = letters[to.locale]({ name: to.name, url, day: dayOf(time, to.locale) });
  await sendNotice(platform, { kind, userId, isProven: to.isProven, id, to, letter }, signal);
}

function dayOf(time: string, locale: Locale): string {
  const options = { dateStyle: "long", timeZone: "Asia/Ho_Chi_Minh" } as const;
  return new Intl.DateTimeFormat(locale === "vi" ? "vi-VN" : "en-GB", options).format(
    new Date(time),
  );
}
