import { sql } from "drizzle-orm";
import { index, pgPolicy, primaryKey, timestamp, uuid } from "drizzle-orm/pg-core";

import { actingUser, app, appRole, systemRole } from "../../../platform/tables.ts";
import { asErasing, users } from "../../auth/tables.ts";
import { asPermittedByRole, conversations } from "./conversations.ts";

/** Bits of `Permission`. */
const REMOVE_MEMBERS = sql`64`;
const INVITE_OR_REMOVE = sql`96`;

/** Who may not be brought into a conversation again. */
export const conversationBans = app.table(
  "conversation_bans",
  {
    conversationId: uuid()
      .notNull()
      .references(() => conversations.id, { onDelete: "cascade" }),
    userId: uuid()
      .notNull()
      .references(() => users.id),
    barredBy: uuid()
      .notNull()
      .references(() => users.id),
    createdAt: timestamp({ withTimezone: true }).notNull(),
  },
  (ban) => [
    primaryKey({ columns: [ban.conversationId, ban.userId] }),
    index().on(ban.userId),
    index().on(ban.barredBy),
    // Also for who brings others in, and for who would come in by themselves.
    pgPolicy("bans_app_select", {
      for: "select",
      to: appRole,
      using: sql`${ban.userId} = ${actingUser} or ${asPermittedByRole(ban.conversationId, INVITE_OR_REMOVE)}`,
    }),
    pgPolicy("bans_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`${ban.barredBy} = ${actingUser} and ${ban.userId} <> ${actingUser} and ${asPermittedByRole(ban.conversationId, REMOVE_MEMBERS)}`,
    }),
    pgPolicy("bans_app_delete", {
      for: "delete",
      to: appRole,
      using: asPermittedByRole(ban.conversationId, REMOVE_MEMBERS),
    }),
    pgPolicy("bans_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("bans_system_delete", {
      for: "delete",
      to: systemRole,
      using: asErasing(ban.userId),
    }),
  ],
);
