import { and, eq, inArray, isNotNull, type SQL, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { foreignKeyViolation, uniqueViolation } from "../../../platform/database_errors.ts";
import { AppError, NotFound, ValidationFailed } from "../../../platform/errors.ts";
import type { Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { busOutbox } from "../../../platform/tables.ts";
import { users } from "../../auth/tables.ts";
import { assertReachable, holdPair } from "../../blocks/mod.ts";
import { appendUserEvents, userEvent } from "../../realtime/mod.ts";
import type {
  Conversation,
  ConversationDetails,
  NewConversation,
} from "../schema/conversations.ts";
import { MEMBER_DEFAULTS, permissionsOf, type Role } from "../schema/permissions.ts";
import { ConversationAdded } from "../schema/user_events.ts";
import {
  conversationEvents,
  conversationMembers,
  conversations,
  conversationSettings,
} from "../tables/conversations.ts";
import { channelOf } from "./frames.ts";
import { getConversation, selectOwn, toConversation } from "./own_rows.ts";
import { settingsData, type SettingsRow } from "./settings.ts";

type Row = typeof conversations.$inferSelect;

/** What is written when a conversation is opened; two people need no settings. */
interface Opening {
  row: Row;
  settings: SettingsRow | undefined;
  memberIds: string[];
}

export interface OpenedConversation {
  conversation: ConversationDetails;
  /** False when the two had a direct conversation already. */
  created: boolean;
}

/** Tells the nodes of a user that the user came into a conversation. */
export function joinPublication(userId: string, conversationId: string): Publication {
  const text = JSON.stringify({ op: "join", channel: channelOf(conversationId) });
  return { outboxId: Bun.randomUUIDv7(), channel: `u:${userId}`, text };
}

/** Writes publications beside their cause, so that another instance can make up for us. */
export async function insertPublications(tx: Transaction, list: Publication[]): Promise<void> {
  if (list.length === 0) return;
  await tx
    .insert(busOutbox)
    .values(list.map(({ outboxId, channel, text }) => ({ id: outboxId, channel, payload: text })));
}

/** Opens the one direct conversation of two people, or a new group or channel. @throws AppError not_found for an unknown user. */
export async function createConversation(
  platform: Platform,
  userId: string,
  input: typeof NewConversation.static,
): Promise<OpenedConversation> {
  const opening = openingOf(userId, input, platform.now());
  const { row } = opening;
  const nodes = [userId, ...opening.memberIds].map((id) => joinPublication(id, row.id));
  const opened = { userId, conversationId: row.id };
  try {
    const told = await platform.db.run({ role: "app", userId }, (tx) =>
      insertConversation(tx, { ...opening, nodes }),
    );
    platform.outbox.publish([...nodes, ...told]);
  } catch (error) {
    if (uniqueViolation(error) === "conversations_direct_key")
      return { conversation: await findDirect(platform, row), created: false };
    if (foreignKeyViolation(error) !== undefined)
      throw new AppError(NotFound, "Cannot open a conversation: no such user", { cause: error });
    throw error;
  }
  return { conversation: await getConversation(platform, opened), created: true };
}

function openingOf(userId: string, input: typeof NewConversation.static, now: Date): Opening {
  const { kind } = input;
  const named = kind === "direct" ? [input.userId] : input.memberIds;
  const others = [...new Set(named.map((id) => id.toLowerCase()))];
  if (kind === "direct" && others[0] === userId) throw selfRefused();
  const memberIds = others.filter((id) => id !== userId);
  const row: Row = {
    id: Bun.randomUUIDv7(),
    kind,
    directKey: kind === "direct" ? [userId, ...memberIds].toSorted().join(":") : null,
    createdBy: userId,
    lastSeq: 1,
    lastNo: 0,
    memberCount: memberIds.length + 1,
    lastEventAt: now,
    createdAt: now,
  };
  if (kind === "direct") return { row, settings: undefined, memberIds };
  const settings: SettingsRow = {
    conversationId: row.id,
    name: input.name,
    description: input.description ?? "",
    history: kind === "channel" ? "all" : "joined",
    memberPermissions: MEMBER_DEFAULTS[kind],
    slowModeSeconds: 0,
  };
  return { row, settings, memberIds };
}

/** Nobody begins anything new with who is about to go, or has gone. @throws AppError not_found, as if they never were. */
export async function assertNotClosed(tx: Transaction, userIds: string[]): Promise<void> {
  if (userIds.length === 0) return;
  const [closed] = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(inArray(users.id, userIds), isNotNull(users.closedAt)))
    .limit(1);
  if (closed) throw new AppError(NotFound, `Cannot begin anything with user "${closed.id}"`);
}

async function insertConversation(
  tx: Transaction,
  { row, settings, memberIds, nodes }: Opening & { nodes: Publication[] },
): Promise<Publication[]> {
  const given = { memberPermissions: MEMBER_DEFAULTS[row.kind], slowModeSeconds: 0 };
  const member = (userId: string, role: Role) => ({
    conversationId: row.id,
    userId,
    role,
    joinedSeq: 1,
    permissions: permissionsOf(role, given),
  });
  const members = [
    member(row.createdBy, row.kind === "direct" ? "member" : "owner"),
    ...memberIds.map((userId) => member(userId, "member")),
  ];
  await tx.insert(conversations).values(row);
  if (settings) await tx.insert(conversationSettings).values(settings);
  // Only now, because two who have a direct conversation already get that one.
  await assertNotClosed(tx, memberIds);
  if (row.kind === "direct") await holdPair(tx, row.createdBy, memberIds.join());
  await assertReachable(tx, memberIds);
  await tx.insert(conversationMembers).values(members);
  await tx.insert(conversationEvents).values({
    conversationId: row.id,
    seq: 1,
    kind: "conv",
    actorId: row.createdBy,
    data: { op: "create", kind: row.kind, ...(settings ? settingsData(settings) : { name: null }) },
    createdAt: row.createdAt,
  });
  await insertPublications(tx, nodes);
  const added = members.map(({ userId }) =>
    userEvent(userId, ConversationAdded, { conversationId: row.id }),
  );
  return await appendUserEvents(tx, added, row.createdAt);
}

async function findDirect(platform: Platform, wanted: Row): Promise<ConversationDetails> {
  const userId = wanted.createdBy;
  const [row] = await platform.db.run({ role: "app", userId }, (tx) =>
    tx
      .select({ id: conversations.id })
      .from(conversations)
      .where(eq(conversations.directKey, wanted.directKey ?? "")),
  );
  if (!row) throw new AppError(NotFound, "Cannot find the direct conversation");
  return await getConversation(platform, { userId, conversationId: row.id });
}

function selfRefused(): AppError {
  const message = { en: "must be somebody else", vi: "phải là người khác" };
  return new AppError(ValidationFailed, "Cannot open a conversation with oneself", {
    errors: [{ pointer: "/userId", code: "self", message }],
  });
}

export interface ListConversations {
  userId: string;
  limit: number;
  cursor?: string;
  kind?: Conversation["kind"];
  archived?: boolean;
  /** Words of its name. */
  q?: string;
}

/** The user's conversations, the last active first, those behind the cursor. */
export async function listConversations(
  platform: Platform,
  { userId, limit, cursor, kind, archived = false, q }: ListConversations,
): Promise<{ items: Conversation[]; page: { nextCursor: string | null; limit: number } }> {
  const scope = `conversations ${userId} ${kind ?? "all"} ${archived} ${q ?? ""}`;
  const [at, id] = cursor === undefined ? [] : platform.cursors.decode(scope, cursor);
  const conditions: SQL[] = [sql`coalesce(st.is_archived, false) = ${archived}`];
  if (kind !== undefined) conditions.push(sql`c.kind = ${kind}`);
  if (q !== undefined) conditions.push(namedLike(userId, q));
  if (at !== undefined)
    conditions.push(sql`(c.last_event_at, c.id) < (${at}::timestamptz, ${id}::uuid)`);
  const where = sql.join(conditions, sql` and `);
  const rows = await platform.db.run(
    { role: "app", userId },
    (tx) => selectOwn(tx, { userId, where, limit: limit + 1 }),
    { read: true },
  );
  const now = platform.now();
  const items = rows.slice(0, limit).map((row) => toConversation(row, now));
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.lastEventAt, last.id]) : null;
  return { items, page: { nextCursor, limit } };
}

/** Two people see each other's names above their conversation; few enough are one's own to look at all of them. */
function namedLike(userId: string, q: string): SQL {
  const like = (name: SQL) =>
    sql`' ' || app.search_words(${name}) like '% ' || nullif(app.search_words(${q}), '') || '%'`;
  return sql`(${like(sql`se.name`)} or (c.kind = 'direct' and exists (
    select 1 from app.conversation_members o join app.users u on u.id = o.user_id
    where o.conversation_id = c.id and o.user_id <> ${userId}::uuid and ${like(sql`u.display_name`)})))`;
}
