import { type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  foreignKey,
  index,
  jsonb,
  pgPolicy,
  primaryKey,
  text,
  timestamp,
  unique,
  uuid,
} from "drizzle-orm/pg-core";

import { actingUser, app, appRole, ownerRole, systemRole } from "../../platform/tables.ts";
import { users } from "../auth/tables.ts";

/** True for a row whose conversation the acting user is in now. */
function asMember(conversationId: AnyPgColumn): SQL {
  return sql`exists (select 1 from app.conversation_members m where m.conversation_id = ${conversationId} and m.user_id = ${actingUser} and m.left_seq is null)`;
}

/** The same for tables that the members' own policies ask: without a look at the members, or the two would go round. */
function asMemberByRole(conversationId: AnyPgColumn): SQL {
  return sql`app.conversation_role(${conversationId}) is not null`;
}

/** True for a row whose conversation the acting user administers. */
function asAdmin(conversationId: AnyPgColumn): SQL {
  return sql`app.conversation_role(${conversationId}) in ('owner', 'admin')`;
}

export const conversations = app.table(
  "conversations",
  {
    id: uuid().primaryKey(),
    kind: text({ enum: ["direct", "group"] }).notNull(),
    name: text(),
    /** Both user ids in order, so that two people have one direct conversation however it was opened. */
    directKey: text().unique("conversations_direct_key"),
    createdBy: uuid()
      .notNull()
      .references(() => users.id),
    /** Last position in the stream of events; taken under this row's lock, so it has no gaps. */
    lastSeq: bigint({ mode: "number" }).notNull().default(0),
    /** Number of countable messages, from which unread counts follow by subtraction. */
    lastNo: bigint({ mode: "number" }).notNull().default(0),
    lastEventAt: timestamp({ withTimezone: true }).notNull(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
  },
  (conversation) => [
    index().on(conversation.lastEventAt, conversation.id),
    index().on(conversation.createdBy),
    pgPolicy("conversations_app_select", {
      for: "select",
      to: appRole,
      // Until its first members are in, a new conversation is visible to its creator alone.
      using: sql`${asMemberByRole(conversation.id)} or (${conversation.createdBy} = ${actingUser} and ${conversation.lastSeq} = 1)`,
    }),
    pgPolicy("conversations_app_insert", {
      for: "insert",
      to: appRole,
      // The key of a direct conversation is taken by one of its two, or others could keep them from ever opening it.
      withCheck: sql`${conversation.createdBy} = ${actingUser} and (${conversation.directKey} is null or ${actingUser}::text = any (string_to_array(${conversation.directKey}, ':')))`,
    }),
    pgPolicy("conversations_app_update", {
      for: "update",
      to: appRole,
      using: asMemberByRole(conversation.id),
    }),
    pgPolicy("conversations_system_select", { for: "select", to: systemRole, using: sql`true` }),
    // With the last one who was ever in it, a conversation goes as well; while anybody's account stays, so does it.
    pgPolicy("conversations_system_delete", {
      for: "delete",
      to: systemRole,
      using: sql`not exists (select 1 from app.conversation_members m join app.accounts a on a.user_id = m.user_id where m.conversation_id = ${conversation.id} and a.erasing_since is null)`,
    }),
  ],
);

export const conversationMembers = app.table(
  "conversation_members",
  {
    conversationId: uuid()
      .notNull()
      .references(() => conversations.id, { onDelete: "cascade" }),
    userId: uuid()
      .notNull()
      .references(() => users.id),
    role: text({ enum: ["owner", "admin", "member"] })
      .notNull()
      .default("member"),
    /** Position of the event with which the user came in. */
    joinedSeq: bigint({ mode: "number" }).notNull(),
    /** Position of the event with which the user left; null while they are in. */
    leftSeq: bigint({ mode: "number" }),
  },
  (member) => [
    primaryKey({ columns: [member.conversationId, member.userId] }),
    index().on(member.userId, member.conversationId),
    pgPolicy("members_app_select", {
      for: "select",
      to: appRole,
      using: sql`${member.userId} = ${actingUser} or app.conversation_role(${member.conversationId}) is not null`,
    }),
    pgPolicy("members_app_insert_creator", {
      for: "insert",
      to: appRole,
      withCheck: sql`exists (select 1 from app.conversations c where c.id = ${member.conversationId} and c.created_by = ${actingUser} and c.last_seq = 1 and (c.kind = 'group' or ${member.userId}::text = any (string_to_array(c.direct_key, ':'))))`,
    }),
    pgPolicy("members_app_insert_admin", {
      for: "insert",
      to: appRole,
      withCheck: sql`${asAdmin(member.conversationId)} and ${member.role} = 'member'`,
    }),
    pgPolicy("members_app_update_admin", {
      for: "update",
      to: appRole,
      using: asAdmin(member.conversationId),
    }),
    pgPolicy("members_app_leave", {
      for: "update",
      to: appRole,
      using: sql`${member.userId} = ${actingUser} and ${member.leftSeq} is null`,
      withCheck: sql`${member.userId} = ${actingUser} and ${member.leftSeq} is not null`,
    }),
    pgPolicy("members_system_select", { for: "select", to: systemRole, using: sql`true` }),
    // A group whose owner is being erased gets another one.
    pgPolicy("members_system_succeed", {
      for: "update",
      to: systemRole,
      using: sql`exists (select 1 from app.conversation_members o join app.accounts a on a.user_id = o.user_id where o.conversation_id = ${member.conversationId} and o.role = 'owner' and a.erasing_since is not null)`,
      withCheck: sql`true`,
    }),
    // The helper app.conversation_role() runs as the owner, whom FORCE binds like everybody else.
    pgPolicy("members_owner_select", { for: "select", to: ownerRole, using: sql`true` }),
  ],
);

/** What was said. A message is the event at its position, so the events do not repeat it. */
export const messages = app.table(
  "messages",
  {
    id: uuid().primaryKey(),
    conversationId: uuid().notNull(),
    no: bigint({ mode: "number" }).notNull(),
    seq: bigint({ mode: "number" }).notNull(),
    senderId: uuid().notNull(),
    /** Chosen by the sender's device: a message sent again is recognised by it for ever. */
    clientId: uuid().notNull(),
    body: text().notNull(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
  },
  (message) => [
    unique("messages_conversation_seq").on(message.conversationId, message.seq),
    unique("messages_client_id").on(message.conversationId, message.senderId, message.clientId),
    // The members refer to conversations and users, so that this one look for each message proves both.
    foreignKey({
      name: "messages_sender",
      columns: [message.conversationId, message.senderId],
      foreignColumns: [conversationMembers.conversationId, conversationMembers.userId],
    }).onDelete("cascade"),
    pgPolicy("messages_app_select", {
      for: "select",
      to: appRole,
      using: asMember(message.conversationId),
    }),
    pgPolicy("messages_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`${message.senderId} = ${actingUser} and ${asMember(message.conversationId)}`,
    }),
    pgPolicy("messages_system_select", { for: "select", to: systemRole, using: sql`true` }),
  ],
);

/** What happened in a conversation beside its messages, with which it shares one order. */
export const conversationEvents = app.table(
  "conversation_events",
  {
    conversationId: uuid()
      .notNull()
      .references(() => conversations.id, { onDelete: "cascade" }),
    seq: bigint({ mode: "number" }).notNull(),
    kind: text({ enum: ["conv", "member"] }).notNull(),
    actorId: uuid()
      .notNull()
      .references(() => users.id),
    data: jsonb(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
  },
  (event) => [
    primaryKey({ columns: [event.conversationId, event.seq] }),
    index().on(event.actorId),
    pgPolicy("events_app_select", {
      for: "select",
      to: appRole,
      using: asMember(event.conversationId),
    }),
    pgPolicy("events_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`${event.actorId} = ${actingUser} and ${asMember(event.conversationId)}`,
    }),
    pgPolicy("events_system_select", { for: "select", to: systemRole, using: sql`true` }),
  ],
);
