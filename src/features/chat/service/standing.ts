import { sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, Forbidden, NotFound } from "../../../platform/errors.ts";
import { NotAGroup } from "../schema/conversations.ts";
import { Permission, type Role } from "../schema/permissions.ts";

/** What the acting user is in a conversation. */
export interface Standing {
  kind: "direct" | "group" | "channel";
  memberCount: number;
  role: Role;
  permissions: number;
}

interface StandingRow extends Record<string, unknown> {
  kind: Standing["kind"];
  member_count: number;
  role: Role | null;
  permissions: number | null;
}

/** Read anew by every statement that acts. @throws AppError not_found for a stranger, as if there were no conversation. */
export async function readStanding(tx: Transaction, conversationId: string): Promise<Standing> {
  const [row] = await tx.execute<StandingRow>(sql`
    select c.kind, c.member_count, app.conversation_role(c.id) as role,
      app.conversation_permissions(c.id) as permissions
    from app.conversations c where c.id = ${conversationId}::uuid`);
  if (!row || row.role === null || row.permissions === null)
    throw new AppError(NotFound, `Cannot see conversation "${conversationId}"`);
  const { kind, member_count: memberCount, role, permissions } = row;
  return { kind, memberCount, role, permissions };
}

/**
 * Holds who is in a group, and as what, until the commit, and answers what the acting user is there then. It comes
 * before the locks of any row, so that two such changes follow one another and none of them waits for a send that waits
 * for it. @throws AppError not_found for a stranger, not_a_group where nobody comes or goes.
 */
export async function holdMembers(tx: Transaction, conversationId: string): Promise<Standing> {
  const { kind } = await readStanding(tx, conversationId);
  if (kind === "direct")
    throw new AppError(NotAGroup, `Cannot change the members of "${conversationId}"`);
  await lockMembers(tx, conversationId);
  return await readStanding(tx, conversationId);
}

/** The lock alone, for who is no member: the erasure of accounts. */
export async function lockMembers(tx: Transaction, conversationId: string): Promise<void> {
  const lock = `members ${conversationId}`;
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`);
}

/** @throws AppError forbidden for who has not got the permission. */
export function assertPermitted(
  { permissions }: Standing,
  permission: keyof typeof Permission,
): void {
  if ((permissions & Permission[permission]) === 0) throw forbidden(permission);
}

export function forbidden(what: string): AppError {
  return new AppError(Forbidden, `Cannot act in a conversation: "${what}" is not permitted`);
}
