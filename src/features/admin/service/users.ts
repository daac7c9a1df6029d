import { and, desc, eq, lt, type SQL } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, Forbidden } from "../../../platform/errors.ts";
import { hasPermission } from "../../../platform/permissions.ts";
import type { Platform } from "../../../platform/platform.ts";
import { recordAudit } from "../../audit/mod.ts";
import type { Session } from "../../auth/mod.ts";
import { accounts, users } from "../../auth/tables.ts";
import type { AdminUser } from "../schema.ts";

const COLUMNS = {
  id: accounts.userId,
  email: accounts.email,
  displayName: users.displayName,
  role: accounts.role,
  tier: accounts.tier,
  bannedAt: accounts.bannedAt,
  createdAt: users.createdAt,
};
interface Row extends Omit<AdminUser, "bannedAt" | "createdAt"> {
  bannedAt: Date | null;
  createdAt: Date;
}

interface ListInput {
  id?: string;
  email?: string;
  limit: number;
  cursor?: string;
}

/**
 * Users as the policies show them to the reader, the newest first. Whoever is looked up finds it in their log, and the
 * reader who lists everybody in their own, in the transaction that reads.
 * @throws AppError forbidden for one who has to name whom they look for.
 */
export async function listUsers(
  platform: Platform,
  reader: Session,
  input: ListInput,
): Promise<{ items: AdminUser[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId: readerId } = reader;
  const { limit } = input;
  const id = input.id?.toLowerCase();
  const email = input.email?.trim().toLowerCase();
  const isLookup = id !== undefined || email !== undefined;
  if (!isLookup && !hasPermission(reader.role, "users.list"))
    throw new AppError(Forbidden, 'Cannot list users: it takes "users.list"');
  const scope = `users ${readerId} ${JSON.stringify([id, email])}`;
  const noted = { actorId: readerId, at: platform.now() };
  const before =
    input.cursor === undefined
      ? undefined
      : String(platform.cursors.decode(scope, input.cursor)[0]);
  const rows = await platform.db.run({ role: "app", userId: readerId }, async (tx) => {
    const found = await select(
      tx,
      and(
        id === undefined ? undefined : eq(accounts.userId, id),
        email === undefined ? undefined : eq(accounts.email, email),
        before === undefined ? undefined : lt(accounts.userId, before),
      ),
    )
      .orderBy(desc(accounts.userId))
      .limit(limit + 1);
    const shown = found.slice(0, limit);
    if (isLookup) for (const user of shown) await noteViewed(tx, { userId: user.id, ...noted });
    else await noteListed(tx, { count: shown.length, ...noted });
    return found;
  });
  const items = rows.slice(0, limit).map(toAdminUser);
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.id]) : null;
  return { items, page: { nextCursor, limit } };
}

interface Look {
  actorId: string;
  at: Date;
}

/** Writes that staff has seen an account; one's own is no matter. */
export async function noteViewed(
  tx: Transaction,
  { userId, ...look }: Look & { userId: string },
): Promise<void> {
  if (userId === look.actorId) return;
  await recordAudit(tx, { ...look, userId, action: "admin.user_viewed", details: {} });
}

/** In everybody's log it would only bury what matters to them, so it stands in that of who has listed. */
async function noteListed(
  tx: Transaction,
  { count, ...look }: Look & { count: number },
): Promise<void> {
  const userId = look.actorId;
  await recordAudit(tx, { ...look, userId, action: "admin.users_listed", details: { count } });
}

export async function findUser(tx: Transaction, userId: string): Promise<Row | undefined> {
  const [row] = await select(tx, eq(accounts.userId, userId));
  return row;
}

function select(tx: Transaction, condition: SQL | undefined) {
  return tx
    .select(COLUMNS)
    .from(accounts)
    .innerJoin(users, eq(users.id, accounts.userId))
    .where(condition);
}

export function toAdminUser({ bannedAt, createdAt, ...rest }: Row): AdminUser {
  return {
    ...rest,
    bannedAt: bannedAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
  };
}
