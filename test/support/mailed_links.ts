import { mailTo } from "./mailbox.ts";
import { until } from "./poll.ts";

/** The page and the token of the newest link that was mailed to an address under such a subject. */
export interface MailedLink {
  page: string;
  token: string;
  subject: string;
}

const LINK = /(http\S+)#token=(frv1_[\w-]+)/;

/** Waits for so many mails with a link, and answers with the links, newest first. */
export async function linksTo(
  dataDir: string,
  address: string,
  { subject, count = 1 }: { subject: RegExp; count?: number },
): Promise<MailedLink[]> {
  let links: MailedLink[] = [];
  await until(`${count} links to ${address} under ${String(subject)}`, async () => {
    const mails = await mailTo(dataDir, address);
    links = mails
      .filter((mail) => subject.test(mail.subject ?? ""))
      .flatMap((mail) => {
        const [, page = "", token = ""] = LINK.exec(mail.text ?? "") ?? [];
        return token === "" ? [] : [{ page, token, subject: mail.subject ?? "" }];
      });
    return links.length >= count;
  });
  return links;
}

/** The newest of them. */
export async function linkTo(dataDir: string, address: string, subject: RegExp): Promise<string> {
  const [link] = await linksTo(dataDir, address, { subject });
  return link?.token ?? "";
}
