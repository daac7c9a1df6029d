import { type SQL, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError } from "../../../platform/errors.ts";
import { NotReachable } from "../schema.ts";

/** True where neither the acting user nor the other one has blocked the other. For statements under the role `app`. */
export function isReachable(userId: SQL): SQL {
  return sql`not app.is_blocked(${userId})`;
}

/** @throws AppError not_reachable where the acting user or one of the others has blocked the other. */
export async function assertReachable(tx: Transaction, userIds: string[]): Promise<void> {
  if (userIds.length === 0) return;
  const [blocked] = await tx.execute<{ id: string }>(sql`
    select id from jsonb_array_elements_text(${JSON.stringify(userIds)}::jsonb) as other (id)
    where app.is_blocked(id::uuid) limit 1`);
  if (blocked) throw new AppError(NotReachable, `Cannot reach user "${blocked.id}"`);
}

/** Those of the others whom the acting user has not blocked and who have not blocked them, in their order. */
export async function listReachable(tx: Transaction, userIds: string[]): Promise<string[]> {
  if (userIds.length === 0) return [];
  const rows = await tx.execute<{ id: string }>(sql`
    select id from jsonb_array_elements_text(${JSON.stringify(userIds)}::jsonb) with ordinality as other (id, at)
    where not app.is_blocked(id::uuid) order by at`);
  return rows.map(({ id }) => id);
}

/**
 * Holds what is between two people until the commit: a block and the beginning of their conversation follow one another,
 * so that no conversation comes into being that does not know of the block.
 */
export async function holdPair(tx: Transaction, one: string, other: string): Promise<void> {
  const pair = `pair ${[one, other].toSorted().join(" ")}`;
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${pair}, 0))`);
}
