import { isNotNull, sql } from "drizzle-orm";
import {
  bigint,
  index,
  jsonb,
  pgPolicy,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";

import { actingUser, app, appRole, systemRole } from "../../platform/tables.ts";
import { users } from "../auth/tables.ts";
import { asReader } from "../chat/tables/conversations.ts";

const staffRole = sql`(select app.staff_role())`;

/** For how long a report stays once it is dealt with; one that nobody deals with stays as long again. */
const KEPT = sql`interval '180 days'`;

/** A message as it stood when it was reported, or one beside it. */
export interface SnapshotMessage {
  id: string;
  seq: number;
  senderId: string;
  body: string;
  createdAt: string;
  rev: number;
  editedAt: string | null;
  deletedAt: string | null;
  replySeq: number | null;
  attachments: { id: string }[];
  /** What it said before, the newest first. */
  edits: { rev: number; body: string; replacedAt: string }[];
}

/**
 * Messages that somebody wants staff to see. What was said is kept as it was, so that nobody can take it back before it
 * is seen; the conversation and the message may be gone by then, so nothing here refers to them.
 */
export const reports = app.table(
  "reports",
  {
    id: uuid().primaryKey(),
    reporterId: uuid()
      .notNull()
      .references(() => users.id),
    /** Who has sent the message. */
    reportedId: uuid()
      .notNull()
      .references(() => users.id),
    conversationId: uuid().notNull(),
    messageId: uuid().notNull(),
    messageSeq: bigint({ mode: "number" }).notNull(),
    reason: text({
      enum: ["spam", "scam", "harassment", "hate", "sexual", "violence", "other"],
    }).notNull(),
    note: text().notNull(),
    snapshot: jsonb().$type<SnapshotMessage[]>().notNull(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
    state: text({ enum: ["open", "resolved"] })
      .notNull()
      .default("open"),
    action: text({ enum: ["dismiss", "delete_message", "warn", "ban_user"] }),
    resolution: text(),
    resolvedBy: uuid().references(() => users.id),
    resolvedAt: timestamp({ withTimezone: true }),
  },
  (report) => [
    uniqueIndex("reports_open")
      .on(report.reporterId, report.conversationId, report.messageSeq)
      .where(sql`${report.state} = 'open'`),
    index("reports_open_message")
      .on(report.conversationId, report.messageSeq)
      .where(sql`${report.state} = 'open'`),
    index().on(report.createdAt, report.id),
    index().on(report.reporterId, report.createdAt),
    index().on(report.reportedId),
    index("reports_resolved_by").on(report.resolvedBy).where(isNotNull(report.resolvedBy)),
    // Staff sees none about itself, so that nobody judges their own case.
    pgPolicy("reports_app_select", {
      for: "select",
      to: appRole,
      using: sql`${report.reporterId} = ${actingUser} or (${staffRole} is not null and ${report.reportedId} <> ${actingUser})`,
    }),
    pgPolicy("reports_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`${report.reporterId} = ${actingUser} and ${report.reportedId} <> ${actingUser} and ${report.state} = 'open' and ${asReader(report.conversationId, report.messageSeq)}`,
    }),
    pgPolicy("reports_app_resolve", {
      for: "update",
      to: appRole,
      using: sql`${staffRole} is not null and ${report.reportedId} <> ${actingUser} and ${report.state} = 'open'`,
      withCheck: sql`${report.state} = 'resolved' and ${report.resolvedBy} = ${actingUser}`,
    }),
    pgPolicy("reports_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("reports_system_delete", {
      for: "delete",
      to: systemRole,
      using: sql`coalesce(${report.resolvedAt}, ${report.createdAt} + ${KEPT}) < now() - ${KEPT}`,
    }),
  ],
);
