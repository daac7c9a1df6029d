import { and, desc, eq, lt, type SQL } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
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
  readerId: string;
  id?: string;
  email?: string;
  limit: number;
  cursor?: string;
}

/** Users as the policies show them to the reader, the newest first; to staff all, to anybody else their own row. */
export async function listUsers(
  platform: Platform,
  input: ListInput,
): Promise<{ items: AdminUser[]; page: { nextCursor: string | null; limit: number } }> {
  const { readerId, limit } = input;
  const id = input.id?.toLowerCase();
  const email = input.email?.trim().toLowerCase();
  const scope = `users ${readerId} ${JSON.stringify([id, email])}`;
  const before =
    input.cursor === undefined
      ? undefined
      : String(platform.cursors.decode(scope, input.cursor)[0]);
  const rows = await platform.db.run({ role: "app", userId: readerId }, (tx) =>
    select(
      tx,
      and(
        id === undefined ? undefined : eq(accounts.userId, id),
        email === undefined ? undefined : eq(accounts.email, email),
        before === undefined ? undefined : lt(accounts.userId, before),
      ),
    )
      .orderBy(desc(accounts.userId))
      .limit(limit + 1),
  );
  const items = rows.slice(0, limit).map(toAdminUser);
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.id]) : null;
  return { items, page: { nextCursor, limit } };
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
