import type { Locale } from "../../../platform/errors.ts";
import { composeLetter, type Letter } from "../../../platform/mail/letter.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { forgetSubjects } from "../../../platform/throttle.ts";
import { type Addressee, findAddressee } from "../../auth/mod.ts";
import type { DeletionMail, ErasedMail, ExportMail } from "../schema.ts";
import { DELETION, ERASED, EXPORT } from "./lifecycle_letters.ts";

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
  const to = await findAddressee(platform, userId);
  if (!to) return;
  const parts = {
    name: to.name,
    url: platform.config.publicUrl.href,
    day: dayOf(dueAt, to.locale),
  };
  await send(platform, sending, { to, letter: DELETION[what][to.locale](parts) });
}

/** Tells the owner that the copy of their data can be fetched. */
export async function sendExportMail(
  platform: WorkerPlatform,
  { userId, expiresAt, ...sending }: Sending & (typeof ExportMail)["payload"]["static"],
): Promise<void> {
  const to = await findAddressee(platform, userId);
  if (!to) return;
  const day = dayOf(expiresAt, to.locale);
  const letter = EXPORT[to.locale]({ name: to.name, url: platform.config.publicUrl.href, day });
  await send(platform, sending, { to, letter });
}

/**
 * The end of an erasure: what Redis counts under the address or the user goes, and the address is told. Counts of an
 * address together with a caller cannot be named; they expire by themselves within hours.
 */
export async function sendErasedMail(
  platform: WorkerPlatform,
  { userId, address, locale, ...sending }: Sending & (typeof ErasedMail)["payload"]["static"],
): Promise<void> {
  await forgetSubjects(platform, [
    { scope: "login", name: "account", subject: address },
    { scope: "login", name: "known", subject: address },
    { scope: "mail", name: "mailbox", subject: address },
    { scope: "password", name: "account", subject: userId },
  ]);
  await send(platform, sending, { to: { name: "", address, locale }, letter: ERASED[locale] });
}

async function send(
  platform: WorkerPlatform,
  { mailId, signal }: Sending,
  { to, letter }: { to: Addressee; letter: Letter },
): Promise<void> {
  const { name, address, locale } = to;
  const mail = { id: mailId, to: { name, address }, locale, ...composeLetter(locale, letter) };
  await platform.mailer.send(mail, signal);
}

function dayOf(time: string, locale: Locale): string {
  const options = { dateStyle: "long", timeZone: "Asia/Ho_Chi_Minh" } as const;
  return new Intl.DateTimeFormat(locale === "vi" ? "vi-VN" : "en-GB", options).format(
    new Date(time),
  );
}
