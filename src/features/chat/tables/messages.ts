import { isNotNull, type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  foreignKey,
  index,
  integer,
  jsonb,
  pgPolicy,
  primaryKey,
  text,
  timestamp,
  unique,
  uuid,
} from "drizzle-orm/pg-core";

import { actingUser, app, appRole, ownerRole, systemRole } from "../../../platform/tables.ts";
import { users } from "../../auth/tables.ts";
import {
  asMember,
  asPermitted,
  asReader,
  asReported,
  conversationMembers,
} from "./conversations.ts";

/** Bits of `Permission`. */
const SEND = sql`1`;
export const MODERATE = sql`128`;

/** A file that a message carries; the store of files knows the rest. */
export interface AttachmentRow {
  id: string;
}

/** What was said. A message is the event at its position, so the events do not repeat it. */
export const messages = app.table(
  "messages",
  {
    id: uuid().primaryKey(),
    conversationId: uuid().notNull(),
    /** Counts the messages of the conversation that stand in no thread; one in a thread has the number of the last. */
    no: bigint({ mode: "number" }).notNull(),
    seq: bigint({ mode: "number" }).notNull(),
    senderId: uuid().notNull(),
    /** Chosen by the sender's device: a message sent again is recognised by it for ever. */
    clientId: uuid().notNull(),
    /** Empty once the message is deleted. */
    body: text().notNull(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
    /** Position of the message that this one answers. */
    replySeq: bigint({ mode: "number" }),
    /** Position of the message whose thread this one stands in. */
    threadSeq: bigint({ mode: "number" }),
    /** How often it was changed. */
    rev: integer().notNull().default(0),
    editedAt: timestamp({ withTimezone: true }),
    deletedAt: timestamp({ withTimezone: true }),
    deletedBy: uuid().references(() => users.id),
    /** Members whom it names. */
    mentions: uuid().array(),
    /** Whether it names everybody. */
    mentionsAll: boolean().notNull().default(false),
    /** Symbols of securities that it names, without their sign. */
    tickers: text().array(),
    attachments: jsonb().$type<AttachmentRow[]>(),
  },
  (message) => [
    unique("messages_conversation_seq").on(message.conversationId, message.seq),
    // It begins with the sender, as no other one does: a plan that was made while the table was small must not look for
    // a message among all of its conversation.
    unique("messages_client_id").on(message.senderId, message.clientId, message.conversationId),
    index("messages_thread")
      .on(message.conversationId, message.threadSeq, message.seq)
      .where(isNotNull(message.threadSeq)),
    // The last one says when everybody may be named again.
    index("messages_mentions_all")
      .on(message.conversationId, message.seq)
      .where(sql`${message.mentionsAll}`),
    index("messages_deleted_by").on(message.deletedBy).where(isNotNull(message.deletedBy)),
    // The members refer to conversations and users, so that this one look for each message proves both.
    foreignKey({
      name: "messages_sender",
      columns: [message.conversationId, message.senderId],
      foreignColumns: [conversationMembers.conversationId, conversationMembers.userId],
    }).onDelete("cascade"),
    pgPolicy("messages_app_select", {
      for: "select",
      to: appRole,
      using: asReader(message.conversationId, message.seq),
    }),
    pgPolicy("messages_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`${message.senderId} = ${actingUser} and ${asPermitted(message.conversationId, SEND)}`,
    }),
    // Who takes a message back, or out, leaves nothing of what it said: Postgres lets a row in that any one policy lets
    // in, and the one for who keeps order says so for authors too.
    pgPolicy("messages_app_edit", {
      for: "update",
      to: appRole,
      using: sql`${message.senderId} = ${actingUser} and ${message.deletedAt} is null and ${asMember(message.conversationId)}`,
      withCheck: sql`${message.senderId} = ${actingUser} and ${message.deletedAt} is null`,
    }),
    pgPolicy("messages_app_moderate", {
      for: "update",
      to: appRole,
      using: sql`${message.deletedAt} is null and ${asPermitted(message.conversationId, MODERATE)}`,
      withCheck: sql`${message.deletedAt} is not null and ${message.deletedBy} = ${actingUser} and ${message.body} = ''`,
    }),
    pgPolicy("messages_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("messages_system_take_out", {
      for: "update",
      to: systemRole,
      using: sql`${message.deletedAt} is null and ${asReported(message.conversationId, message.seq)}`,
      withCheck: sql`${message.deletedAt} is not null and ${message.body} = ''`,
    }),
    // The helper app.find_messages() runs as the owner and keeps to what the acting user may read: no index for words
    // may be asked before a policy has let a row through.
    pgPolicy("messages_owner_select", { for: "select", to: ownerRole, using: sql`true` }),
  ],
);

/** The message at a position; rows that hang on one go with it. */
export function messageAt(name: string, conversationId: AnyPgColumn, seq: AnyPgColumn) {
  return foreignKey({
    name,
    columns: [conversationId, seq],
    foreignColumns: [messages.conversationId, messages.seq],
  }).onDelete("cascade");
}

/** True for a row that hangs on a message of the acting user which they may read, and so only while they are a member. */
export function ofOwnMessage(conversationId: AnyPgColumn, seq: AnyPgColumn): SQL {
  return sql`exists (select 1 from app.messages m where m.conversation_id = ${conversationId} and m.seq = ${seq} and m.sender_id = ${actingUser})`;
}

/** What a message said before it was changed. The rows go when it is deleted. */
export const messageEdits = app.table(
  "message_edits",
  {
    conversationId: uuid().notNull(),
    messageSeq: bigint({ mode: "number" }).notNull(),
    /** The revision that said this; the first one is 0. */
    rev: integer().notNull(),
    body: text().notNull(),
    /** When another body took its place. */
    replacedAt: timestamp({ withTimezone: true }).notNull(),
  },
  (edit) => [
    primaryKey({ columns: [edit.conversationId, edit.messageSeq, edit.rev] }),
    messageAt("message_edits_message", edit.conversationId, edit.messageSeq),
    pgPolicy("edits_app_select", {
      for: "select",
      to: appRole,
      using: asReader(edit.conversationId, edit.messageSeq),
    }),
    pgPolicy("edits_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: ofOwnMessage(edit.conversationId, edit.messageSeq),
    }),
    pgPolicy("edits_app_delete", {
      for: "delete",
      to: appRole,
      using: sql`${ofOwnMessage(edit.conversationId, edit.messageSeq)} or ${asPermitted(edit.conversationId, MODERATE)}`,
    }),
    pgPolicy("edits_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("edits_system_take_out", {
      for: "delete",
      to: systemRole,
      using: asReported(edit.conversationId, edit.messageSeq),
    }),
  ],
);
