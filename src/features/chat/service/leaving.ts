import { and, asc, desc, eq, inArray, isNull, ne, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { users } from "../../auth/tables.ts";
import { permissionsOf } from "../schema/permissions.ts";
import { conversationMembers, conversations } from "../tables/conversations.ts";
import { appendMemberEvent } from "./members.ts";

const SYSTEM = { role: "system" } as const;

/**
 * Takes a user whose account is being erased out of every conversation, in their own name and one at a time, so that
 * the others see them go. A group of theirs is handed on before. Whoever begins anew goes on with those that are left.
 */
export async function leaveConversations(
  { db, now }: Pick<WorkerPlatform, "db" | "now">,
  userId: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const [next] = await db.run(SYSTEM, (tx) =>
      tx
        .select({ id: conversationMembers.conversationId, role: conversationMembers.role })
        .from(conversationMembers)
        .where(and(eq(conversationMembers.userId, userId), isNull(conversationMembers.leftSeq)))
        .limit(1),
    );
    if (!next) return;
    if (next.role === "owner") await db.run(SYSTEM, (tx) => handOn(tx, next.id, userId));
    await db.run({ role: "app", userId }, (tx) => leave(tx, { id: next.id, userId, now: now() }));
  }
}

/** Makes the admin, or else the member, who has been there longest the owner; nobody, where nobody else is left. */
async function handOn(tx: Transaction, conversationId: string, ownerId: string): Promise<void> {
  const [successor] = await tx
    .select({ userId: conversationMembers.userId })
    .from(conversationMembers)
    .innerJoin(users, eq(users.id, conversationMembers.userId))
    .where(
      and(
        eq(conversationMembers.conversationId, conversationId),
        isNull(conversationMembers.leftSeq),
        ne(conversationMembers.userId, ownerId),
      ),
    )
    .orderBy(
      desc(isNull(users.closedAt)),
      desc(eq(conversationMembers.role, "admin")),
      asc(conversationMembers.joinedSeq),
      asc(conversationMembers.userId),
    )
    .limit(1);
  if (!successor) return;
  // One statement, so that the group has an owner at every moment, and never two.
  await tx
    .update(conversationMembers)
    .set({
      role: sql`case when ${conversationMembers.userId} = ${ownerId} then 'member' else 'owner' end`,
      permissions: sql`case when ${conversationMembers.userId} = ${ownerId} then 0 else ${permissionsOf("owner", 0)} end`,
    })
    .where(
      and(
        eq(conversationMembers.conversationId, conversationId),
        inArray(conversationMembers.userId, [ownerId, successor.userId]),
      ),
    );
}

/** The member's row is locked before the conversation's, as a send does, so that the two cannot wait for each other. */
async function leave(
  tx: Transaction,
  { id, userId, now }: { id: string; userId: string; now: Date },
): Promise<void> {
  const own = and(
    eq(conversationMembers.conversationId, id),
    eq(conversationMembers.userId, userId),
    isNull(conversationMembers.leftSeq),
  );
  const [present] = await tx
    .select({ userId: conversationMembers.userId })
    .from(conversationMembers)
    .where(own)
    .for("no key update");
  if (!present) return;
  const change = { userId, conversationId: id, memberId: userId, op: "remove", now } as const;
  const { seq } = await appendMemberEvent(tx, change);
  await tx.update(conversationMembers).set({ leftSeq: seq }).where(own);
}

/**
 * Deletes, with all that was said in them, those conversations of a user in which nobody was whose account stays. The
 * policy says which these are. @throws Error where the user is a member of any, which undoes the erasure.
 */
export async function dropAbandoned(tx: Transaction, userId: string): Promise<void> {
  const own = eq(conversationMembers.userId, userId);
  const [joined] = await tx
    .select({ id: conversationMembers.conversationId })
    .from(conversationMembers)
    .where(and(own, isNull(conversationMembers.leftSeq)))
    .limit(1);
  if (joined)
    throw new Error(`Cannot erase user "${userId}": they are in conversation "${joined.id}"`);
  const past = tx
    .select({ id: conversationMembers.conversationId })
    .from(conversationMembers)
    .where(own);
  await tx.delete(conversations).where(inArray(conversations.id, past));
}
