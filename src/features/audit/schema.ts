import { t } from "elysia";

import { Id, object, page, Time } from "../../platform/schema.ts";

/**
 * Every action with what is noted beside it: short words that people may read, such as the name of a role, and never a
 * secret, an address or a text that somebody wrote. An action stands in stored rows, so it is never renamed.
 */
export interface AuditDetails {
  "account.deletion_cancelled": None;
  "account.deletion_requested": None;
  "account.email_change_requested": None;
  "account.email_changed": None;
  "account.email_verified": None;
  "account.erased": None;
  "account.export_fetched": None;
  "account.export_requested": None;
  "account.password_changed": None;
  "account.password_reset": None;
  "admin.audit_viewed": None;
  "admin.banned": None;
  "admin.message_deleted": { reason: string };
  "admin.report_resolved": { report: string; action: string };
  "admin.report_viewed": { report: string };
  "admin.role_changed": Change;
  "admin.tier_changed": Change;
  "admin.unbanned": None;
  "admin.user_viewed": None;
  "admin.users_listed": { count: number };
  "admin.warned": { reason: string };
  "auth.login": None;
  "auth.logout": None;
  "auth.refresh_reused": None;
  "auth.register": None;
  "auth.session_ended": None;
  "auth.sessions_ended": { scope: string };
  "mfa.disabled": None;
  "mfa.enabled": None;
  "mfa.recovery_renewed": None;
  "mfa.recovery_used": None;
}
type None = Record<never, never>;
interface Change {
  from: string;
  to: string;
}
export type AuditAction = keyof AuditDetails;

const Detail = object({
  name: t.String({ examples: ["to"] }),
  value: t.String({ examples: ["moderator"] }),
});

export const AuditEntry = object(
  {
    id: Id,
    action: t.String({
      description: "What happened, as `<feature>.<what>`. New ones may come.",
      examples: ["admin.role_changed"],
    }),
    actor: t.Union([t.Literal("self"), t.Literal("staff"), t.Literal("system")], {
      description: "Who did it: the account's owner, somebody of ours, or the product by itself.",
    }),
    sessionId: t.Union([Id, t.Null()], { description: "In which session, where there was one." }),
    network: t.Union([t.String(), t.Null()], {
      description: "The network that it came from, without the part that names a household.",
      examples: ["203.0.113.0/24"],
    }),
    details: t.Array(Detail),
    createdAt: Time,
  },
  { title: "AuditEntry", description: "Something that happened to an account." },
);
export type AuditEntry = typeof AuditEntry.static;
export const AuditPage = page(AuditEntry, { title: "AuditPage" });

/** What the API's document says about each operation. */
export const operations = {
  listMyAudit: {
    operationId: "listMyAudit",
    summary: "What happened to my account",
    description: "The sign-ins, sign-outs and changes of the caller's account, newest first.",
  },
};
