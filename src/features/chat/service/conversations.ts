import { and, desc, eq, inArray, isNotNull, isNull, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { foreignKeyViolation, uniqueViolation } from "../../../platform/database_errors.ts";
import { AppError, NotFound, ValidationFailed } from "../../../platform/errors.ts";
import type { Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { busOutbox } from "../../../platform/tables.ts";
import { users } from "../../auth/tables.ts";
import { assertReachable, holdPair } from "../../blocks/mod.ts";
import type { Conversation, NewConversation } from "../schema/conversations.ts";
import { MEMBER_DEFAULTS, permissionsOf, type Role } from "../schema/permissions.ts";
import {
  conversationEvents,
  conversationMembers,
  conversations,
  conversationSettings,
} from "../tables/conversations.ts";
import { channelOf } from "./frames.ts";

type Row = typeof conversations.$inferSelect;
/** A conversation and how it presents itself; two people need no settings. */
type Presented = Row & { name: string | null };

export interface OpenedConversation {
  conversation: Conversation;
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

/** Opens the one direct conversation of two people, or a new group. @throws AppError not_found for an unknown user. */
export async function createConversation(
  platform: Platform,
  userId: string,
  input: typeof NewConversation.static,
): Promise<OpenedConversation> {
  const others = [
    ...new Set(
      (input.kind === "direct" ? [input.userId] : input.memberIds).map((id) => id.toLowerCase()),
    ),
  ];
  if (input.kind === "direct" && others[0] === userId) throw selfRefused();
  const memberIds = others.filter((id) => id !== userId);
  const now = platform.now();
  const row: Presented = {
    id: Bun.randomUUIDv7(),
    kind: input.kind,
    name: input.kind === "group" ? input.name : null,
    directKey: input.kind === "direct" ? [userId, ...memberIds].toSorted().join(":") : null,
    createdBy: userId,
    lastSeq: 1,
    lastNo: 0,
    lastEventAt: now,
    createdAt: now,
  };
  const publications = [userId, ...memberIds].map((id) => joinPublication(id, row.id));
  try {
    await platform.db.run({ role: "app", userId }, (tx) =>
      insertConversation(tx, { row, memberIds, publications }),
    );
  } catch (error) {
    if (uniqueViolation(error) === "conversations_direct_key")
      return await findDirect(platform, row);
    if (foreignKeyViolation(error) !== undefined)
      throw new AppError(NotFound, "Cannot open a conversation: no such user", { cause: error });
    throw error;
  }
  platform.outbox.publish(publications);
  return { conversation: toConversation(row), created: true };
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
  input: { row: Presented; memberIds: string[]; publications: Publication[] },
): Promise<void> {
  const { row, memberIds, publications } = input;
  const memberPermissions = MEMBER_DEFAULTS[row.kind];
  const member = (userId: string, role: Role) => ({
    conversationId: row.id,
    userId,
    role,
    joinedSeq: 1,
    permissions: permissionsOf(role, memberPermissions),
  });
  const members = [
    member(row.createdBy, row.kind === "direct" ? "member" : "owner"),
    ...memberIds.map((userId) => member(userId, "member")),
  ];
  await tx.insert(conversations).values(row);
  if (row.name !== null)
    await tx.insert(conversationSettings).values({
      conversationId: row.id,
      name: row.name,
      history: row.kind === "channel" ? "all" : "joined",
      memberPermissions,
    });
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
    data: { op: "create", kind: row.kind, name: row.name },
    createdAt: row.createdAt,
  });
  await insertPublications(tx, publications);
}

async function findDirect(platform: Platform, wanted: Presented): Promise<OpenedConversation> {
  const [row] = await platform.db.run({ role: "app", userId: wanted.createdBy }, (tx) =>
    tx
      .select()
      .from(conversations)
      .where(eq(conversations.directKey, wanted.directKey ?? "")),
  );
  if (!row) throw new AppError(NotFound, "Cannot find the direct conversation");
  return { conversation: toConversation({ ...row, name: null }), created: false };
}

function selfRefused(): AppError {
  const message = { en: "must be somebody else", vi: "phải là người khác" };
  return new AppError(ValidationFailed, "Cannot open a conversation with oneself", {
    errors: [{ pointer: "/userId", code: "self", message }],
  });
}

/** The user's conversations, the last active first, those behind the cursor. */
export async function listConversations(
  platform: Platform,
  input: { userId: string; limit: number; cursor?: string },
): Promise<{ items: Conversation[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId, limit } = input;
  const scope = `conversations ${userId}`;
  const [at, id] = input.cursor === undefined ? [] : platform.cursors.decode(scope, input.cursor);
  const behind =
    at === undefined
      ? undefined
      : sql`(${conversations.lastEventAt}, ${conversations.id}) < (${at}::timestamptz, ${id}::uuid)`;
  const rows = await platform.db.run(
    { role: "app", userId },
    (tx) =>
      tx
        .select({ conversation: conversations, name: conversationSettings.name })
        .from(conversationMembers)
        .innerJoin(conversations, eq(conversations.id, conversationMembers.conversationId))
        .leftJoin(conversationSettings, eq(conversationSettings.conversationId, conversations.id))
        .where(
          and(eq(conversationMembers.userId, userId), isNull(conversationMembers.leftSeq), behind),
        )
        .orderBy(desc(conversations.lastEventAt), desc(conversations.id))
        .limit(limit + 1),
    { read: true },
  );
  const items = rows
    .slice(0, limit)
    .map(({ conversation, name }) => toConversation({ ...conversation, name }));
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.lastEventAt, last.id]) : null;
  return { items, page: { nextCursor, limit } };
}

function toConversation(row: Presented): Conversation {
  const { id, kind, name, createdBy, lastSeq, lastEventAt, createdAt } = row;
  return {
    id,
    kind,
    name,
    createdBy,
    lastSeq,
    lastEventAt: lastEventAt.toISOString(),
    createdAt: createdAt.toISOString(),
  };
}
