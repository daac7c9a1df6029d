import { type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  index,
  integer,
  jsonb,
  pgPolicy,
  primaryKey,
  text,
  timestamp,
  uuid,
} from "drizzle-orm/pg-core";

import { actingUser, app, appRole, ownerRole, systemRole } from "../../../platform/tables.ts";
import { users } from "../../auth/tables.ts";

/** True for a row whose conversation the acting user is in now. */
export function asMember(conversationId: AnyPgColumn): SQL {
  return sql`exists (select 1 from app.conversation_members m where m.conversation_id = ${conversationId} and m.user_id = ${actingUser} and m.left_seq is null)`;
}

/** The same for a position in it, within the member's time there; with bits, for who has one of these permissions too. */
export function asReader(conversationId: AnyPgColumn, seq: AnyPgColumn, bits?: SQL): SQL {
  const permitted = bits ? sql` and m.permissions & ${bits} <> 0` : sql.empty();
  return sql`exists (select 1 from app.conversation_members m where m.conversation_id = ${conversationId} and m.user_id = ${actingUser} and m.left_seq is null and m.visible_from <= ${seq}${permitted})`;
}

/** The same for a member who has one of these permissions, bits of `Permission` in service/permissions.ts. */
export function asPermitted(conversationId: AnyPgColumn, bits: SQL): SQL {
  return sql`exists (select 1 from app.conversation_members m where m.conversation_id = ${conversationId} and m.user_id = ${actingUser} and m.left_seq is null and m.permissions & ${bits} <> 0)`;
}

/**
 * True for a position at which a message stands that was reported and not judged yet: for the background work, which
 * takes messages out on behalf of staff, and touches nothing else that anybody says.
 */
export function asReported(conversationId: AnyPgColumn, seq: AnyPgColumn): SQL {
  return sql`exists (select 1 from app.reports r where r.conversation_id = ${conversationId} and r.message_seq = ${seq} and r.state = 'open')`;
}

/** For tables that the members' own policies ask: without a look at the members, or the two would go round. */
function asMemberByRole(conversationId: AnyPgColumn): SQL {
  return sql`app.conversation_role(${conversationId}) is not null`;
}

/** The same for one of these permissions. */
export function asPermittedByRole(conversationId: AnyPgColumn, bits: SQL): SQL {
  return sql`app.conversation_permissions(${conversationId}) & ${bits} <> 0`;
}

/** True for a row of a conversation that the acting user has just opened, and into which nobody has come yet. */
function asFounder(conversationId: AnyPgColumn): SQL {
  return sql`exists (select 1 from app.conversations c where c.id = ${conversationId} and c.created_by = ${actingUser} and c.last_seq = 1)`;
}

interface Membership {
  conversationId: AnyPgColumn;
  userId: AnyPgColumn;
  role: AnyPgColumn;
  permissions: AnyPgColumn;
}

/** Whether a role is below that of the acting user in a conversation. */
function isBelow({ conversationId, role }: Membership): SQL {
  const ranks = sql`array['reader', 'member', 'moderator', 'admin']`;
  return sql`array_position(${ranks}, ${role}) < array_position(${ranks}, app.conversation_role(${conversationId}))`;
}

/** True for a member whose role is below that of the acting user, as nobody's own is; an owner is above all. */
function asBelow(member: Membership): SQL {
  const { conversationId } = member;
  return sql`${asPermittedByRole(conversationId, CHANGE_MEMBERS)} and (app.conversation_role(${conversationId}) = 'owner' or ${isBelow(member)})`;
}

/** The same for a row as it is left behind: only an owner gives themselves another role, even a lower one. */
function asBelowNow(member: Membership): SQL {
  const { conversationId, userId } = member;
  return sql`${asPermittedByRole(conversationId, CHANGE_MEMBERS)} and (app.conversation_role(${conversationId}) = 'owner' or (${userId} <> ${actingUser} and ${isBelow(member)}))`;
}

/** True for a member who may do nothing that the acting user may not; to have to wait is no permission. */
function asNoMore({ conversationId, permissions }: Membership): SQL {
  return sql`${permissions} & ~(${WAITS} | app.conversation_permissions(${conversationId})) = 0`;
}

/** Bits of `Permission`, for who changes members: to bring in, and to take out, to give roles or to say what they may do. */
const INVITE = sql`32`;
const WAITS = sql`1024`;
const CHANGE_SETTINGS = sql`256`;
const CHANGE_MEMBERS = sql`832`;

export const conversations = app.table(
  "conversations",
  {
    id: uuid().primaryKey(),
    kind: text({ enum: ["direct", "group", "channel"] }).notNull(),
    /** Both user ids in order, so that two people have one direct conversation however it was opened. */
    directKey: text().unique("conversations_direct_key"),
    createdBy: uuid()
      .notNull()
      .references(() => users.id),
    /** Last position in the stream of events; taken under this row's lock, so it has no gaps. */
    lastSeq: bigint({ mode: "number" }).notNull().default(0),
    /** Number of countable messages, from which unread counts follow by subtraction. */
    lastNo: bigint({ mode: "number" }).notNull().default(0),
    /** How many are in it now; changed by the event with which somebody comes or goes. */
    memberCount: integer().notNull().default(0),
    lastEventAt: timestamp({ withTimezone: true }).notNull(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
  },
  (conversation) => [
    // What every message changes stands in no index, so that Postgres writes the row and nothing else. A list is sorted
    // from the few hundred conversations that somebody is in.
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
    // The helper app.settle_block() runs as the owner, and looks for the conversation of the acting user and another.
    pgPolicy("conversations_owner_select", {
      for: "select",
      to: ownerRole,
      using: sql`${conversation.kind} = 'direct' and ${actingUser}::text = any (string_to_array(${conversation.directKey}, ':'))`,
    }),
    // With the last one who was ever in it, a conversation goes as well; while anybody's account stays, so does it.
    // A message that staff takes out is an event like any other, and takes the next position.
    pgPolicy("conversations_system_append", {
      for: "update",
      to: systemRole,
      using: sql`exists (select 1 from app.reports r where r.conversation_id = ${conversation.id} and r.state = 'open')`,
    }),
    pgPolicy("conversations_system_delete", {
      for: "delete",
      to: systemRole,
      using: sql`not exists (select 1 from app.conversation_members m join app.accounts a on a.user_id = m.user_id where m.conversation_id = ${conversation.id} and a.erasing_since is null)`,
    }),
  ],
);

/** How a group or channel presents itself and what its plain members may do; two people need none. */
export const conversationSettings = app.table(
  "conversation_settings",
  {
    conversationId: uuid()
      .primaryKey()
      .references(() => conversations.id, { onDelete: "cascade" }),
    name: text().notNull(),
    description: text().notNull().default(""),
    /** Whether who comes in sees what was said before. */
    history: text({ enum: ["all", "joined"] }).notNull(),
    /** What a plain member may do: bits of `Permission`. */
    memberPermissions: integer().notNull(),
    /** Between two messages of one plain member; 0 where there is no such wait. */
    slowModeSeconds: integer().notNull().default(0),
  },
  (settings) => [
    pgPolicy("settings_app_select", {
      for: "select",
      to: appRole,
      // Whoever sees the conversation, its creator before the first members are in among them. The role is asked first
      // because that costs less than a look at the conversation.
      using: sql`${asMemberByRole(settings.conversationId)} or exists (select 1 from app.conversations c where c.id = ${settings.conversationId})`,
    }),
    pgPolicy("settings_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: asFounder(settings.conversationId),
    }),
    pgPolicy("settings_app_update", {
      for: "update",
      to: appRole,
      using: asPermittedByRole(settings.conversationId, CHANGE_SETTINGS),
    }),
    pgPolicy("settings_system_select", { for: "select", to: systemRole, using: sql`true` }),
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
    role: text({ enum: ["owner", "admin", "moderator", "member", "reader"] })
      .notNull()
      .default("member"),
    /** What the role lets them do here: bits of `Permission`, written with the role so that a send need not ask twice. */
    permissions: integer().notNull().default(7),
    /** Position of the event with which the user came in. */
    joinedSeq: bigint({ mode: "number" }).notNull(),
    /** Position of the event with which the user left; null while they are in. */
    leftSeq: bigint({ mode: "number" }),
    /** Positions before this one are not for this member. */
    visibleFrom: bigint({ mode: "number" }).notNull().default(0),
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
      withCheck: sql`exists (select 1 from app.conversations c where c.id = ${member.conversationId} and c.created_by = ${actingUser} and c.last_seq = 1 and (c.kind <> 'direct' or ${member.userId}::text = any (string_to_array(c.direct_key, ':'))))`,
    }),
    pgPolicy("members_app_insert_admin", {
      for: "insert",
      to: appRole,
      withCheck: sql`${asPermittedByRole(member.conversationId, INVITE)} and ${member.role} in ('member', 'reader') and ${asNoMore(member)}`,
    }),
    // Whoever may bring somebody in may bring them back, as what anybody is who comes in.
    pgPolicy("members_app_rejoin", {
      for: "update",
      to: appRole,
      using: sql`${member.leftSeq} is not null and ${asPermittedByRole(member.conversationId, INVITE)}`,
      withCheck: sql`${member.userId} <> ${actingUser} and ${asPermittedByRole(member.conversationId, INVITE)} and ${member.role} in ('member', 'reader') and ${asNoMore(member)}`,
    }),
    // Everybody changes those below them, to what is below them.
    pgPolicy("members_app_update_admin", {
      for: "update",
      to: appRole,
      using: asBelow(member),
      withCheck: sql`${asBelowNow(member)} and ${asNoMore(member)}`,
    }),
    pgPolicy("members_app_leave", {
      for: "update",
      to: appRole,
      using: sql`${member.userId} = ${actingUser} and ${member.leftSeq} is null`,
      withCheck: sql`${member.userId} = ${actingUser} and ${member.leftSeq} is not null`,
    }),
    pgPolicy("members_system_select", { for: "select", to: systemRole, using: sql`true` }),
    // The helpers app.conversation_role(), app.give_permissions() and app.settle_block() run as the owner, whom FORCE
    // binds like everybody else; each keeps to what the acting user may do.
    pgPolicy("members_owner_update", { for: "update", to: ownerRole, using: sql`true` }),
    pgPolicy("members_owner_select", { for: "select", to: ownerRole, using: sql`true` }),
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
    kind: text({
      enum: ["conv", "member", "role", "msg.edit", "msg.del", "react", "pin"],
    }).notNull(),
    actorId: uuid()
      .notNull()
      .references(() => users.id),
    /** Position of the message that the event is about. */
    messageSeq: bigint({ mode: "number" }),
    /** Never what a message says: that stands in its row alone, so that it can be taken back. */
    data: jsonb(),
    createdAt: timestamp({ withTimezone: true }).notNull(),
  },
  (event) => [
    primaryKey({ columns: [event.conversationId, event.seq] }),
    index().on(event.actorId),
    pgPolicy("events_app_select", {
      for: "select",
      to: appRole,
      using: asReader(event.conversationId, event.seq),
    }),
    pgPolicy("events_app_insert", {
      for: "insert",
      to: appRole,
      withCheck: sql`${event.actorId} = ${actingUser} and ${asMember(event.conversationId)}`,
    }),
    pgPolicy("events_system_select", { for: "select", to: systemRole, using: sql`true` }),
    pgPolicy("events_system_take_out", {
      for: "insert",
      to: systemRole,
      withCheck: sql`${event.kind} = 'msg.del' and ${asReported(event.conversationId, event.messageSeq)}`,
    }),
  ],
);
