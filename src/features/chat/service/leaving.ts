import { and, asc, desc, eq, inArray, isNull, ne, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { users } from "../../auth/tables.ts";
import { permissionsOf } from "../schema/permissions.ts";
import { conversationMembers, conversations } from "../tables/conversations.ts";
import { appendEvent } from "./append.ts";
import { appendMemberEvent } from "./members.ts";
import { readSettings } from "./settings.ts";
import { lockMembers } from "./standing.ts";

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
        .select({ id: conversationMembers.conversationId })
        .from(conversationMembers)
        .where(and(eq(conversationMembers.userId, userId), isNull(conversationMembers.leftSeq)))
        .limit(1),
    );
    if (!next) return;
    await db.run({ role: "app", userId }, (tx) => leave(tx, { id: next.id, userId, now: now() }));
  }
}

interface Leaving {
  id: string;
  userId: string;
  now: Date;
}

/** The member's row is locked before the conversation's, as a send does, so that the two cannot wait for each other. */
async function leave(tx: Transaction, leaving: Leaving): Promise<void> {
  const { id, userId, now } = leaving;
  await lockMembers(tx, id);
  const own = and(
    eq(conversationMembers.conversationId, id),
    eq(conversationMembers.userId, userId),
    isNull(conversationMembers.leftSeq),
  );
  const [present] = await tx
    .select({ role: conversationMembers.role })
    .from(conversationMembers)
    .where(own)
    .for("no key update");
  if (!present) return;
  if (present.role === "owner") await handOn(tx, leaving);
  const change = { userId, conversationId: id, memberId: userId, op: "remove", now } as const;
  const { seq } = await appendMemberEvent(tx, change);
  await tx.update(conversationMembers).set({ leftSeq: seq }).where(own);
}

/** Makes who is highest and has been there longest the owner; nobody, where nobody else is left. */
async function handOn(tx: Transaction, { id, userId, now }: Leaving): Promise<void> {
  const { role } = conversationMembers;
  const [successor] = await tx
    .select({ userId: conversationMembers.userId })
    .from(conversationMembers)
    .innerJoin(users, eq(users.id, conversationMembers.userId))
    .where(
      and(
        eq(conversationMembers.conversationId, id),
        isNull(conversationMembers.leftSeq),
        ne(conversationMembers.userId, userId),
      ),
    )
    .orderBy(
      desc(isNull(users.closedAt)),
      desc(sql`array_position(array['reader', 'member', 'moderator', 'admin'], ${role})`),
      asc(conversationMembers.joinedSeq),
      asc(conversationMembers.userId),
    )
    .limit(1);
  if (!successor) return;
  // One statement, so that the group has an owner at every moment, and never two.
  await tx
    .update(conversationMembers)
    .set({
      role: sql`case when ${conversationMembers.userId} = ${userId} then 'member' else 'owner' end`,
      permissions: sql`case when ${conversationMembers.userId} = ${userId} then 0 else ${permissionsOf("owner", await readSettings(tx, id))} end`,
    })
    .where(
      and(
        eq(conversationMembers.conversationId, id),
        inArray(conversationMembers.userId, [userId, successor.userId]),
      ),
    );
  const data = { userId: successor.userId, role: "owner", actorId: userId } as const;
  await appendEvent(tx, { conversationId: id, actorId: userId, kind: "role", data, now });
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
