import { t } from "elysia";

import { Id, object } from "../../platform/schema.ts";

export const MailParams = object({ id: Id });
/** Mails older than this one. */
export const MailboxQuery = object({ before: t.Optional(Id) });
