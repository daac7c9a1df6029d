import { and, count, eq, isNull, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { foreignKeyViolation } from "../../../platform/database_errors.ts";
import { AppError, Forbidden, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { assertReachable } from "../../blocks/mod.ts";
import { GroupFull, LastOwner, MAX_MEMBERS, NotAGroup } from "../schema/conversations.ts";
import {
  conversationMembers,
  conversations,
  conversationSettings,
} from "../tables/conversations.ts";
import { type Appended, appendEvent } from "./append.ts";
import { assertNotClosed, insertPublications, joinPublication } from "./conversations.ts";

interface MemberInput {
  /** Who acts. */
  userId: string;
  conversationId: string;
  /** Who comes or goes. */
  memberId: string;
}

/** Brings a user into a group; somebody who is in already stays in. @throws AppError forbidden for plain members. */
export async function addMember(platform: Platform, input: MemberInput): Promise<void> {
  const { userId, conversationId, memberId } = input;
  try {
    const publications = await platform.db.run({ role: "app", userId }, async (tx) => {
      await assertAdmin(tx, conversationId);
      await lockGroup(tx, conversationId);
      const present = await findMember(tx, { conversationId, memberId });
      if (present && present.leftSeq === null) return [];
      await assertRoom(tx, conversationId);
      await assertNotClosed(tx, [memberId]);
      await assertReachable(tx, [memberId]);
      const change = await appendMemberEvent(tx, { ...input, op: "add", now: platform.now() });
      const { history, memberPermissions } = await readSettings(tx, conversationId);
      const joined = {
        joinedSeq: change.seq,
        leftSeq: null,
        role: "member" as const,
        permissions: memberPermissions,
        visibleFrom: history === "all" ? 0 : change.seq,
      };
      await tx
        .insert(conversationMembers)
        .values({ conversationId, userId: memberId, ...joined })
        .onConflictDoUpdate({
          target: [conversationMembers.conversationId, conversationMembers.userId],
          set: joined,
        });
      const join = joinPublication(memberId, conversationId);
      await insertPublications(tx, [join]);
      return [change.publication, join];
    });
    platform.outbox.publish(publications);
  } catch (error) {
    if (foreignKeyViolation(error) !== undefined)
      throw new AppError(NotFound, "Cannot add a member: no such user", { cause: error });
    throw error;
  }
}

/** Takes a user out of a group, oneself included; nothing that is sent later reaches them. */
export async function removeMember(platform: Platform, input: MemberInput): Promise<void> {
  const { userId, conversationId, memberId } = input;
  const publication = await platform.db.run({ role: "app", userId }, async (tx) => {
    const role = await assertMember(tx, conversationId);
    if (memberId !== userId && role === "member") throw forbidden(conversationId);
    // The member's row is locked first, as a send does, so that the two cannot wait for each other.
    const present = await findMember(tx, { conversationId, memberId }, true);
    await lockGroup(tx, conversationId);
    if (!present || present.leftSeq !== null) return undefined;
    if (present.role === "owner")
      await assertAlone(tx, { conversationId, own: memberId === userId });
    const change = await appendMemberEvent(tx, { ...input, op: "remove", now: platform.now() });
    await tx
      .update(conversationMembers)
      .set({ leftSeq: change.seq })
      .where(
        and(
          eq(conversationMembers.conversationId, conversationId),
          eq(conversationMembers.userId, memberId),
        ),
      );
    return change.publication;
  });
  if (publication) platform.outbox.publish([publication]);
}

/** @throws AppError not_found, which is also what a stranger to an existing conversation is told. */
export async function assertMember(tx: Transaction, conversationId: string): Promise<string> {
  const [row] = await tx.execute<{ role: string | null }>(
    sql`select app.conversation_role(${conversationId}::uuid) as role`,
  );
  if (!row?.role) throw new AppError(NotFound, `Cannot see conversation "${conversationId}"`);
  return row.role;
}

function forbidden(conversationId: string): AppError {
  return new AppError(Forbidden, `Cannot change the members of "${conversationId}"`);
}

async function assertAdmin(tx: Transaction, conversationId: string): Promise<void> {
  const role = await assertMember(tx, conversationId);
  if (role === "member") {
    await assertGroup(tx, conversationId);
    throw forbidden(conversationId);
  }
}

async function assertGroup(tx: Transaction, conversationId: string): Promise<void> {
  const [row] = await tx
    .select({ kind: conversations.kind })
    .from(conversations)
    .where(eq(conversations.id, conversationId));
  if (row === undefined || row.kind === "direct")
    throw new AppError(NotAGroup, `Cannot change the members of "${conversationId}"`);
}

/** Holds the conversation until the commit, so that changes of its members follow one another. */
async function lockGroup(tx: Transaction, conversationId: string): Promise<void> {
  const [row] = await tx
    .select({ kind: conversations.kind })
    .from(conversations)
    .where(eq(conversations.id, conversationId))
    .for("no key update");
  if (row === undefined || row.kind === "direct")
    throw new AppError(NotAGroup, `Cannot change the members of "${conversationId}"`);
}

async function readSettings(
  tx: Transaction,
  conversationId: string,
): Promise<typeof conversationSettings.$inferSelect> {
  const [settings] = await tx
    .select()
    .from(conversationSettings)
    .where(eq(conversationSettings.conversationId, conversationId));
  if (!settings) throw new AppError(NotAGroup, `Cannot find the settings of "${conversationId}"`);
  return settings;
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

async function countMembers(tx: Transaction, conversationId: string): Promise<number> {
  const [row] = await tx
    .select({ members: count() })
    .from(conversationMembers)
    .where(
      and(
        eq(conversationMembers.conversationId, conversationId),
        isNull(conversationMembers.leftSeq),
      ),
    );
  return row?.members ?? 0;
}

async function assertRoom(tx: Transaction, conversationId: string): Promise<void> {
  if ((await countMembers(tx, conversationId)) >= MAX_MEMBERS)
    throw new AppError(GroupFull, `Cannot add to "${conversationId}": ${MAX_MEMBERS} members`);
}

/** Nobody removes the owner, and the owner leaves last. */
async function assertAlone(
  tx: Transaction,
  { conversationId, own }: { conversationId: string; own: boolean },
): Promise<void> {
  if (!own) throw forbidden(conversationId);
  if ((await countMembers(tx, conversationId)) > 1)
    throw new AppError(LastOwner, `Cannot leave "${conversationId}": its owner stays until last`);
}

/** Tells the members that one of them came or went. */
export async function appendMemberEvent(
  tx: Transaction,
  input: MemberInput & { op: "add" | "remove"; now: Date },
): Promise<Appended> {
  const { userId, conversationId, memberId, op, now } = input;
  return await appendEvent(tx, {
    conversationId,
    actorId: userId,
    kind: "member",
    data: { op, userId: memberId },
    now,
  });
}
