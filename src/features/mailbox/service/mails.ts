import { join } from "node:path";

import { AppError, NotFound } from "../../../platform/errors.ts";
import { listMailIds, readMail } from "../../../platform/mail/mailbox.ts";
import type { Platform } from "../../../platform/platform.ts";

/** A delivered mail as a reader sees it. */
export interface ReadMail {
  id: string;
  to: string;
  subject: string;
  sentAt: string;
  text: string;
  html: string;
}

const PAGE = 50;

/** One page of the mailbox, newest first; `next` is where the next page begins, if there is one. */
export async function listMails(
  platform: Platform,
  { before }: { before: string | undefined },
): Promise<{ mails: ReadMail[]; next: string | undefined }> {
  const ids = await listMailIds(folderOf(platform));
  const rest = before === undefined ? ids : ids.filter((id) => id < before);
  const found = await Promise.all(rest.slice(0, PAGE).map((id) => findMail(platform, id)));
  // A mail may be pushed out between the listing and the reading.
  const mails = found.filter((mail) => mail !== undefined);
  return { mails, next: rest.length > PAGE ? rest[PAGE - 1] : undefined };
}

/** @throws AppError not_found. */
export async function getMail(platform: Platform, id: string): Promise<ReadMail> {
  const mail = await findMail(platform, id);
  if (!mail) throw new AppError(NotFound, `Cannot read mail "${id}": it is not in the mailbox`);
  return mail;
}

async function findMail(platform: Platform, id: string): Promise<ReadMail | undefined> {
  const message = await readMail(folderOf(platform), id);
  if (!message) return undefined;
  // Only this page reads mails, so only its first visit loads what that takes.
  const { default: PostalMime } = await import("postal-mime");
  const mail = await PostalMime.parse(message);
  return {
    id,
    to: mail.to?.map(({ name, address }) => `${name} <${address ?? ""}>`).join(", ") ?? "",
    subject: mail.subject ?? "",
    sentAt: mail.date ?? "",
    text: mail.text ?? "",
    html: mail.html ?? "",
  };
}

function folderOf({ config }: Platform): string {
  return join(config.dataDir, "mailbox");
}
