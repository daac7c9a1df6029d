import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  foreignKey,
  index,
  pgPolicy,
  primaryKey,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";

import { actingUser, app, appRole, ownerRole, systemRole } from "../../../platform/tables.ts";
import { asErasing } from "../../auth/tables.ts";
import { asMember, conversationMembers } from "./conversations.ts";

/** What one member has seen of a conversation and how they want to hear of it. Nobody else sees it but by events. */
export const conversationStates = app.table(
  "conversation_states",
  {
    conversationId: uuid().notNull(),
    userId: uuid().notNull(),
    /** Position up to which the member has read. */
    lastReadSeq: bigint({ mode: "number" }).notNull().default(0),
    /** The same as others may know it. */
    publicReadSeq: bigint({ mode: "number" }).notNull().default(0),
    /** No notice before this time; the last of all times for ever. */
    mutedUntil: timestamp({ withTimezone: true }),
    isArchived: boolean().notNull().default(false),
    notify: text({ enum: ["all", "mentions", "none"] })
      .notNull()
      .default("all"),
    /** When the member last sent anything here in slow mode. */
    lastSentAt: timestamp({ withTimezone: true }),
  },
  (state) => [
    primaryKey({ columns: [state.conversationId, state.userId] }),
    foreignKey({
      name: "conversation_states_member",
      columns: [state.conversationId, state.userId],
      foreignColumns: [conversationMembers.conversationId, conversationMembers.userId],
    }).onDelete("cascade"),
    index().on(state.userId, state.conversationId),
    pgPolicy("states_app_select", {
      for: "select",
      to: appRole,
      using: sql`${state.userId} = ${actingUser}`,
    }),
    pgPolicy("states_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`${state.userId} = ${actingUser} and ${asMember(state.conversationId)}`,
    }),
    pgPolicy("states_app_update", {
      for: "update",
      to: appRole,
      using: sql`${state.userId} = ${actingUser} and ${asMember(state.conversationId)}`,
    }),
    // The helper app.public_reads() runs as the owner, whom FORCE binds like everybody else.
    pgPolicy("states_owner_select", { for: "select", to: ownerRole, using: sql`true` }),
    pgPolicy("states_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("states_system_delete", {
      for: "delete",
      to: systemRole,
      using: asErasing(state.userId),
    }),
  ],
);
