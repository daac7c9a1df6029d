import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import type { Mailer } from "./mailer.ts";

/** Mails beyond this number push out the oldest. */
const MAX_MAILS = 1_000;
const MAIL_ID = /^[\w-]{1,128}$/;
const FILE = /^([\w-]{1,128})\.eml$/;
const DRAFT = /^[\w-]{1,128}\.eml\.[\w-]+\.part$/;
/** Far longer than a mail takes to be written; what is older was left by a process that was killed meanwhile. */
const DRAFT_LIFE_MS = 3_600_000;

export interface MailboxOptions {
  folder: string;
  /** `Name <address>`. */
  from: string;
  /** The product's public address, whose host names our message ids. */
  host: string;
  now: () => Date;
}

/** Delivers into a folder: one RFC 5322 message a file, named by the mail's id. */
export function createMailbox(options: MailboxOptions): Mailer {
  const { folder, from, host, now } = options;
  let composer: ReturnType<typeof openComposer> | undefined;
  return {
    send: async (mail, signal) => {
      if (!MAIL_ID.test(mail.id)) throw new Error(`Cannot deliver "${mail.id}": not an id`);
      const { message } = await (
        await (composer ??= openComposer())
      ).sendMail({
        from,
        to: mail.to,
        subject: mail.subject,
        text: mail.text,
        html: mail.html,
        date: now(),
        messageId: `<${mail.id}@${host}>`,
        headers: { "Content-Language": mail.locale, "Auto-Submitted": "auto-generated" },
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      signal.throwIfAborted();
      await mkdir(folder, { recursive: true });
      const file = join(folder, `${mail.id}.eml`);
      // A reader never sees half a mail, and a repeated attempt replaces what the first one left.
      const draft = `${file}.${crypto.randomUUID()}.part`;
      try {
        await Bun.write(draft, message as Buffer);
        await rename(draft, file);
      } finally {
        await rm(draft, { force: true });
      }
      await prune(folder, now());
    },
  };
}

/** Loaded with the first mail: a start does without it, and those that only read the mailbox altogether. */
async function openComposer() {
  const { createTransport } = await import("nodemailer");
  return createTransport({ streamTransport: true, buffer: true, newline: "windows" });
}

/** The ids of the mails in a folder, newest first: they are made of UUIDs of version 7, which sort by time. */
export async function listMailIds(folder: string): Promise<string[]> {
  return toMailIds(await listNames(folder));
}

async function listNames(folder: string): Promise<string[]> {
  return await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}

function toMailIds(names: string[]): string[] {
  return names
    .flatMap((name) => FILE.exec(name)?.[1] ?? [])
    .toSorted()
    .toReversed();
}

/** The message as it was delivered, or undefined when there is none of that id. */
export async function readMail(folder: string, id: string): Promise<Uint8Array | undefined> {
  if (!MAIL_ID.test(id)) return undefined;
  const file = Bun.file(join(folder, `${id}.eml`));
  return (await file.exists()) ? await file.bytes() : undefined;
}

async function prune(folder: string, now: Date): Promise<void> {
  const names = await listNames(folder);
  for (const id of toMailIds(names).slice(MAX_MAILS))
    await rm(join(folder, `${id}.eml`), { force: true });
  for (const draft of names.filter((name) => DRAFT.test(name))) {
    const path = join(folder, draft);
    // One that is gone by now has become a mail.
    const writtenAt = await stat(path)
      .then(({ mtimeMs }) => mtimeMs)
      .catch(() => Infinity);
    if (now.getTime() - writtenAt > DRAFT_LIFE_MS) await rm(path, { force: true });
  }
}
