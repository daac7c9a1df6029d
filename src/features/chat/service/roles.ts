import { and, eq, inArray, isNull, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import type { Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { isAbove, permissionsOf, type Role } from "../schema/permissions.ts";
import { conversationMembers } from "../tables/conversations.ts";
import { appendEvent } from "./append.ts";
import { assertNotClosed } from "./conversations.ts";
import { readSettings } from "./settings.ts";
import { assertPermitted, forbidden, holdMembers } from "./standing.ts";

interface RoleInput {
  /** Who acts. */
  userId: string;
  conversationId: string;
  /** Whose role it is. */
  memberId: string;
}

/**
 * Gives a member another role. Whoever acts changes only those below them, and makes nobody more than that, so nobody
 * changes their own role or the owner's. @throws AppError forbidden, not_a_group, not_found.
 */
export async function changeRole(
  platform: Platform,
  input: RoleInput & { role: Exclude<Role, "owner"> },
): Promise<void> {
  const { userId, conversationId, memberId, role } = input;
  const publication = await platform.db.run({ role: "app", userId }, async (tx) => {
    const standing = await holdMembers(tx, conversationId);
    assertPermitted(standing, "changeRoles");
    const present = await readRole(tx, conversationId, memberId);
    if (!isAbove(standing.role, present) || !isAbove(standing.role, role)) throw forbidden("role");
    if (present === role) return undefined;
    const permissions = permissionsOf(role, await readSettings(tx, conversationId));
    const changed = await tx
      .update(conversationMembers)
      .set({ role, permissions })
      .where(isMember(conversationId, memberId))
      .returning({ userId: conversationMembers.userId });
    // Gone between two looks, in their own name.
    if (changed.length === 0) throw notAMember(memberId);
    return await appendRoleEvent(tx, { ...input, now: platform.now() });
  });
  if (publication) platform.outbox.publish([publication]);
}

/** Makes another member the owner, and the owner an admin, at once. @throws AppError forbidden for anybody else. */
export async function handOver(platform: Platform, input: RoleInput): Promise<void> {
  const { userId, conversationId, memberId } = input;
  const publications = await platform.db.run({ role: "app", userId }, async (tx) => {
    const { role } = await holdMembers(tx, conversationId);
    if (role !== "owner") throw forbidden("owner");
    await readRole(tx, conversationId, memberId);
    if (memberId === userId) return [];
    await assertNotClosed(tx, [memberId]);
    const member = conversationMembers.userId;
    const changed = await tx
      .update(conversationMembers)
      .set({
        role: sql`case when ${member} = ${userId}::uuid then 'admin' else 'owner' end`,
        // An admin may do the same as an owner.
        permissions: permissionsOf("owner", await readSettings(tx, conversationId)),
      })
      .where(
        and(
          eq(conversationMembers.conversationId, conversationId),
          isNull(conversationMembers.leftSeq),
          inArray(member, [userId, memberId]),
        ),
      )
      .returning({ userId: member });
    // One of the two has gone in their own name: nobody becomes the only owner of two, or of none.
    if (changed.length !== 2) throw notAMember(memberId);
    const now = platform.now();
    return [
      await appendRoleEvent(tx, { ...input, role: "owner", now }),
      await appendRoleEvent(tx, { ...input, memberId: userId, role: "admin", now }),
    ];
  });
  platform.outbox.publish(publications);
}

async function readRole(tx: Transaction, conversationId: string, memberId: string): Promise<Role> {
  const [row] = await tx
    .select({ role: conversationMembers.role })
    .from(conversationMembers)
    .where(isMember(conversationId, memberId));
  if (!row) throw notAMember(memberId);
  return row.role;
}

function isMember(conversationId: string, memberId: string) {
  return and(
    eq(conversationMembers.conversationId, conversationId),
    eq(conversationMembers.userId, memberId),
    isNull(conversationMembers.leftSeq),
  );
}

function notAMember(memberId: string): AppError {
  return new AppError(NotFound, `Cannot give "${memberId}" a role: they are no member`);
}

async function appendRoleEvent(
  tx: Transaction,
  { userId, conversationId, memberId, role, now }: RoleInput & { role: Role; now: Date },
): Promise<Publication> {
  const data = { userId: memberId, role, actorId: userId };
  const event = { conversationId, actorId: userId, kind: "role", data, now } as const;
  return (await appendEvent(tx, event)).publication;
}
