import { and, asc, eq, gt, isNull } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { foreignKeyViolation } from "../../../platform/database_errors.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import type { Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { users } from "../../auth/tables.ts";
import { assertReachable } from "../../blocks/mod.ts";
import { appendUserEvents, userEvent } from "../../realtime/mod.ts";
import { GroupFull, LastOwner, MAX_MEMBERS } from "../schema/conversations.ts";
import type { Member } from "../schema/members.ts";
import { isAbove, permissionsOf, type Role } from "../schema/permissions.ts";
import { ConversationAdded, ConversationRemoved } from "../schema/user_events.ts";
import { conversationMembers } from "../tables/conversations.ts";
import { type Appended, appendEvent } from "./append.ts";
import { assertNotBarred } from "./bans.ts";
import { assertNotClosed, insertPublications, joinPublication } from "./conversations.ts";
import { readSettings } from "./settings.ts";
import {
  assertPermitted,
  forbidden,
  holdMembers,
  readStanding,
  type Standing,
} from "./standing.ts";

interface MemberInput {
  /** Who acts. */
  userId: string;
  conversationId: string;
  /** Who comes or goes. */
  memberId: string;
}

/**
 * Brings a user into a group or a channel; somebody who is in already stays in. Who was silenced comes back silent, or
 * leaving would undo it. @throws AppError forbidden for who may not invite, group_full, not_a_group, not_found, barred,
 * or not_reachable.
 */
export async function addMember(platform: Platform, input: MemberInput): Promise<void> {
  const { userId, conversationId, memberId } = input;
  try {
    const publications = await platform.db.run({ role: "app", userId }, async (tx) => {
      const standing = await holdMembers(tx, conversationId);
      assertPermitted(standing, "invite");
      const present = await findMember(tx, { conversationId, memberId });
      if (present && present.leftSeq === null) return [];
      assertRoom(standing);
      await assertNotClosed(tx, [memberId]);
      await assertReachable(tx, [memberId]);
      await assertNotBarred(tx, input);
      const role = present?.role === "reader" ? "reader" : "member";
      return await join(tx, { ...input, role, now: platform.now() });
    });
    platform.outbox.publish(publications);
  } catch (error) {
    if (foreignKeyViolation(error) !== undefined)
      throw new AppError(NotFound, "Cannot add a member: no such user", { cause: error });
    throw error;
  }
}

async function join(
  tx: Transaction,
  input: MemberInput & { role: Role; now: Date },
): Promise<Publication[]> {
  const { conversationId, memberId, role, now } = input;
  const change = await appendMemberEvent(tx, { ...input, op: "add" });
  const settings = await readSettings(tx, conversationId);
  const joined = {
    joinedSeq: change.seq,
    leftSeq: null,
    role,
    permissions: permissionsOf(role, settings),
    visibleFrom: settings.history === "all" ? 0 : change.seq,
  };
  await tx
    .insert(conversationMembers)
    .values({ conversationId, userId: memberId, ...joined })
    .onConflictDoUpdate({
      target: [conversationMembers.conversationId, conversationMembers.userId],
      set: joined,
    });
  const toNodes = joinPublication(memberId, conversationId);
  await insertPublications(tx, [toNodes]);
  const added = userEvent(memberId, ConversationAdded, { conversationId });
  return [change.publication, toNodes, ...(await appendUserEvents(tx, [added], now))];
}

/** Takes a user out of a group, oneself included; nothing that is sent later reaches them. */
export async function removeMember(platform: Platform, input: MemberInput): Promise<void> {
  const { userId, conversationId, memberId } = input;
  const publications = await platform.db.run({ role: "app", userId }, async (tx) => {
    const standing = await holdMembers(tx, conversationId);
    const isOwn = memberId === userId;
    if (!isOwn) assertPermitted(standing, "removeMembers");
    const present = await findMember(tx, { conversationId, memberId });
    if (!present || present.leftSeq !== null) return [];
    if (!isOwn && !isAbove(standing.role, present.role)) throw forbidden("removeMembers");
    if (present.role === "owner" && standing.memberCount > 1)
      throw new AppError(LastOwner, `Cannot leave "${conversationId}": its owner stays until last`);
    // The member's row is locked before the conversation's, as a send does, so that the two cannot wait for each other.
    await findMember(tx, { conversationId, memberId }, true);
    const now = platform.now();
    const change = await appendMemberEvent(tx, { ...input, op: "remove", now });
    await tx
      .update(conversationMembers)
      .set({ leftSeq: change.seq })
      .where(
        and(
          eq(conversationMembers.conversationId, conversationId),
          eq(conversationMembers.userId, memberId),
        ),
      );
    const removed = userEvent(memberId, ConversationRemoved, { conversationId });
    return [change.publication, ...(await appendUserEvents(tx, [removed], now))];
  });
  platform.outbox.publish(publications);
}

/** The members of a conversation in the order of their ids, those behind the cursor. @throws AppError not_found for a stranger. */
export async function listMembers(
  platform: Platform,
  input: { userId: string; conversationId: string; limit: number; cursor?: string; role?: Role },
): Promise<{ items: Member[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId, conversationId, limit, role } = input;
  const scope = `members ${conversationId} ${userId} ${role ?? "all"}`;
  const [behind] = input.cursor === undefined ? [] : platform.cursors.decode(scope, input.cursor);
  const rows = await platform.db.run({ role: "app", userId }, async (tx) => {
    await readStanding(tx, conversationId);
    const member = conversationMembers;
    return await tx
      .select({
        userId: member.userId,
        displayName: users.displayName,
        role: member.role,
        joinedSeq: member.joinedSeq,
      })
      .from(member)
      .innerJoin(users, eq(users.id, member.userId))
      .where(
        and(
          eq(member.conversationId, conversationId),
          isNull(member.leftSeq),
          role === undefined ? undefined : eq(member.role, role),
          behind === undefined ? undefined : gt(member.userId, String(behind)),
        ),
      )
      .orderBy(asc(member.userId))
      .limit(limit + 1);
  });
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.userId]) : null;
  return { items, page: { nextCursor, limit } };
}

/** @throws AppError not_found, which is also what a stranger to an existing conversation is told. */
export async function assertMember(tx: Transaction, conversationId: string): Promise<string> {
  return (await readStanding(tx, conversationId)).role;
}

async function findMember(
  tx: Transaction,
  { conversationId, memberId }: { conversationId: string; memberId: string },
  lock = false,
): Promise<typeof conversationMembers.$inferSelect | undefined> {
  const query = tx
    .select()
    .from(conversationMembers)
    .where(
      and(
        eq(conversationMembers.conversationId, conversationId),
        eq(conversationMembers.userId, memberId),
      ),
    );
  const [row] = lock ? await query.for("no key update") : await query;
  return row;
}

function assertRoom({ kind, memberCount }: Standing): void {
  if (memberCount >= MAX_MEMBERS[kind])
    throw new AppError(GroupFull, `Cannot add a member: there are ${MAX_MEMBERS[kind]}`);
}

/** Tells the members that one of them came or went. */
export async function appendMemberEvent(
  tx: Transaction,
  input: MemberInput & { op: "add" | "remove"; role?: Role; now: Date },
): Promise<Appended> {
  const { userId, conversationId, memberId, op, role, now } = input;
  return await appendEvent(tx, {
    conversationId,
    actorId: userId,
    kind: "member",
    data: { op, userId: memberId, ...(role === undefined ? {} : { role }) },
    joining: op === "add" ? 1 : -1,
    now,
  });
}
