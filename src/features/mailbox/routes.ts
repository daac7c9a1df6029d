import { Elysia } from "elysia";

import { ACCESS } from "../../platform/http/access.ts";
import type { Platform } from "../../platform/platform.ts";
import { MailboxQuery, MailParams } from "./schema.ts";
import { getMail, listMails } from "./service/mails.ts";
import { mailboxPage, mailPage } from "./service/pages.ts";

type Headers = Record<string, string | number>;

const detail = { hide: true, [ACCESS]: "open" };

/** GET /dev/mailbox, …/{id}, …/{id}/html: what was delivered locally. Development only: mail is nobody else's business. */
export function mailboxRoutes(platform: Platform) {
  return new Elysia({ name: "mailbox.routes", prefix: "/dev/mailbox" })
    .get(
      "",
      async ({ query, set }) => {
        asPage(set.headers, "frame-src 'self'");
        return mailboxPage(await listMails(platform, { before: query.before }));
      },
      { detail, query: MailboxQuery },
    )
    .get(
      "/:id",
      async ({ params, set }) => {
        const page = mailPage(await getMail(platform, params.id));
        asPage(set.headers, "frame-src 'self'");
        return page;
      },
      { detail, params: MailParams },
    )
    .get(
      "/:id/html",
      async ({ params, set }) => {
        const { html } = await getMail(platform, params.id);
        asPage(set.headers, "sandbox; img-src data:");
        set.headers["x-frame-options"] = "SAMEORIGIN";
        return html;
      },
      { detail, params: MailParams },
    );
}

/** The mail's own HTML is shown as mail programs show it: styled, and unable to run or fetch anything. */
function asPage(headers: Headers, policy: string): void {
  headers["content-type"] = "text/html; charset=utf-8";
  headers["content-security-policy"] =
    `default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; ${policy}`;
}
