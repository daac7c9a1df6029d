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

import { actingUser, app, appRole, systemRole } from "../../../platform/tables.ts";
import { asErasing, users } from "../../auth/tables.ts";
import {
  asMember,
  asPermitted,
  asReader,
  asReported,
  conversationMembers,
} from "./conversations.ts";
import { messageAt, MODERATE, ofOwnMessage } from "./messages.ts";

/** Bits of `Permission`. */
const REACT = sql`2`;
const PIN = sql`16`;
const PIN_OR_MODERATE = sql`144`;

export const messageReactions = app.table(
  "message_reactions",
  {
    conversationId: uuid().notNull(),
    messageSeq: bigint({ mode: "number" }).notNull(),
    userId: uuid()
      .notNull()
      .references(() => users.id),
    emoji: text().notNull(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
  },
  (reaction) => [
    primaryKey({
      columns: [reaction.conversationId, reaction.messageSeq, reaction.emoji, reaction.userId],
    }),
    messageAt("message_reactions_message", reaction.conversationId, reaction.messageSeq),
    index().on(reaction.userId),
    pgPolicy("reactions_app_select", {
      for: "select",
      to: appRole,
      using: asReader(reaction.conversationId, reaction.messageSeq),
    }),
    pgPolicy("reactions_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`${reaction.userId} = ${actingUser} and ${asReader(reaction.conversationId, reaction.messageSeq, REACT)}`,
    }),
    pgPolicy("reactions_app_delete", {
      for: "delete",
      to: appRole,
      using: sql`(${reaction.userId} = ${actingUser} and ${asMember(reaction.conversationId)}) or ${ofOwnMessage(reaction.conversationId, reaction.messageSeq)} or ${asPermitted(reaction.conversationId, MODERATE)}`,
    }),
    pgPolicy("reactions_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("reactions_system_delete", {
      for: "delete",
      to: systemRole,
      using: asErasing(reaction.userId),
    }),
    pgPolicy("reactions_system_take_out", {
      for: "delete",
      to: systemRole,
      using: asReported(reaction.conversationId, reaction.messageSeq),
    }),
  ],
);

/** Whom the messages name, so that mentions that are unread are counted by position. */
export const messageMentions = app.table(
  "message_mentions",
  {
    conversationId: uuid().notNull(),
    userId: uuid().notNull(),
    messageSeq: bigint({ mode: "number" }).notNull(),
  },
  (mention) => [
    primaryKey({ columns: [mention.conversationId, mention.userId, mention.messageSeq] }),
    index().on(mention.conversationId, mention.messageSeq),
    messageAt("message_mentions_message", mention.conversationId, mention.messageSeq),
    foreignKey({
      name: "message_mentions_member",
      columns: [mention.conversationId, mention.userId],
      foreignColumns: [conversationMembers.conversationId, conversationMembers.userId],
    }).onDelete("cascade"),
    pgPolicy("mentions_app_select", {
      for: "select",
      to: appRole,
      using: sql`(${mention.userId} = ${actingUser} and ${asReader(mention.conversationId, mention.messageSeq)}) or ${ofOwnMessage(mention.conversationId, mention.messageSeq)} or ${asPermitted(mention.conversationId, MODERATE)}`,
    }),
    pgPolicy("mentions_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: ofOwnMessage(mention.conversationId, mention.messageSeq),
    }),
    pgPolicy("mentions_app_delete", {
      for: "delete",
      to: appRole,
      using: sql`${ofOwnMessage(mention.conversationId, mention.messageSeq)} or ${asPermitted(mention.conversationId, MODERATE)}`,
    }),
    pgPolicy("mentions_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("mentions_system_delete", {
      for: "delete",
      to: systemRole,
      using: asErasing(mention.userId),
    }),
    pgPolicy("mentions_system_take_out", {
      for: "delete",
      to: systemRole,
      using: asReported(mention.conversationId, mention.messageSeq),
    }),
  ],
);

export const pinnedMessages = app.table(
  "pinned_messages",
  {
    conversationId: uuid().notNull(),
    messageSeq: bigint({ mode: "number" }).notNull(),
    pinnedBy: uuid()
      .notNull()
      .references(() => users.id),
    pinnedAt: timestamp({ withTimezone: true }).notNull(),
  },
  (pin) => [
    primaryKey({ columns: [pin.conversationId, pin.messageSeq] }),
    index().on(pin.pinnedBy),
    messageAt("pinned_messages_message", pin.conversationId, pin.messageSeq),
    pgPolicy("pins_app_select", {
      for: "select",
      to: appRole,
      using: asReader(pin.conversationId, pin.messageSeq),
    }),
    pgPolicy("pins_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`${pin.pinnedBy} = ${actingUser} and ${asPermitted(pin.conversationId, PIN)}`,
    }),
    // Who deletes a message unpins it.
    pgPolicy("pins_app_delete", {
      for: "delete",
      to: appRole,
      using: sql`${asPermitted(pin.conversationId, PIN_OR_MODERATE)} or ${ofOwnMessage(pin.conversationId, pin.messageSeq)}`,
    }),
    pgPolicy("pins_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("pins_system_take_out", {
      for: "delete",
      to: systemRole,
      using: asReported(pin.conversationId, pin.messageSeq),
    }),
  ],
);

/** What one member has read of a thread, and whether they want to hear of it. */
export const threadStates = app.table(
  "thread_states",
  {
    conversationId: uuid().notNull(),
    threadSeq: bigint({ mode: "number" }).notNull(),
    userId: uuid().notNull(),
    lastReadSeq: bigint({ mode: "number" }).notNull().default(0),
    isFollowing: boolean().notNull().default(true),
  },
  (state) => [
    primaryKey({ columns: [state.conversationId, state.userId, state.threadSeq] }),
    index().on(state.conversationId, state.threadSeq),
    messageAt("thread_states_message", state.conversationId, state.threadSeq),
    foreignKey({
      name: "thread_states_member",
      columns: [state.conversationId, state.userId],
      foreignColumns: [conversationMembers.conversationId, conversationMembers.userId],
    }).onDelete("cascade"),
    pgPolicy("thread_states_app_select", {
      for: "select",
      to: appRole,
      using: sql`${state.userId} = ${actingUser}`,
    }),
    pgPolicy("thread_states_app_insert", {
      for: "insert",
      to: appRole,
      // Whoever answers first makes the author of the message follow its thread.
      withCheck: sql`(${state.userId} = ${actingUser} and ${asReader(state.conversationId, state.threadSeq)}) or (${state.isFollowing} and ${state.lastReadSeq} = 0 and exists (select 1 from app.messages m where m.conversation_id = ${state.conversationId} and m.seq = ${state.threadSeq} and m.sender_id = ${state.userId}))`,
    }),
    pgPolicy("thread_states_app_update", {
      for: "update",
      to: appRole,
      using: sql`${state.userId} = ${actingUser} and ${asMember(state.conversationId)}`,
    }),
    pgPolicy("thread_states_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("thread_states_system_delete", {
      for: "delete",
      to: systemRole,
      using: asErasing(state.userId),
    }),
  ],
);
