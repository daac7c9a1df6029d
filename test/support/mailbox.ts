import { join } from "node:path";

import PostalMime, { type Email } from "postal-mime";

import { listMailIds, readMail } from "../../src/platform/mail/mailbox.ts";
import { until } from "./poll.ts";

/** Every mail that was delivered below a data folder, newest first, without those to the people of the demo. */
export async function listMails(dataDir: string): Promise<Email[]> {
  const folder = join(dataDir, "mailbox");
  const mails: Email[] = [];
  for (const id of await listMailIds(folder)) {
    const message = await readMail(folder, id);
    if (message) mails.push(await PostalMime.parse(message));
  }
  return mails.filter(
    (mail) => !mail.to?.some(({ address }) => address?.endsWith("@demo.example")),
  );
}

/** Waits until mail to this address has arrived, and returns all of it. */
export async function mailTo(dataDir: string, address: string): Promise<Email[]> {
  let found: Email[] = [];
  await until(`mail to ${address}`, async () => {
    const mails = await listMails(dataDir);
    found = mails.filter((mail) => mail.to?.some((person) => person.address === address));
    return found.length > 0;
  });
  return found;
}
