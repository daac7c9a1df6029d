import { and, eq, isNull, ne, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, defineError } from "../../../platform/errors.ts";
import { accounts } from "../tables.ts";

export const LastAdmin = defineError("last_admin", 409, {
  en: "There has to be another admin before this one goes",
  vi: "Cần có một quản trị viên khác trước khi người này rời đi",
});

/**
 * Held by whoever changes rights, until the commit: two admins who take each other's role at once come one after the
 * other, and the second one is no admin any more.
 */
const RIGHTS_LOCK = 7_310_552;

/** From here to the end of the transaction nobody else changes rights, and every statement sees those that hold now. */
export async function holdRights(tx: Transaction): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${RIGHTS_LOCK})`);
}

/** One who is banned cannot act, and one whose account is going to be erased will not for long: neither counts. */
export async function hasOtherAdmin(tx: Transaction, userId: string): Promise<boolean> {
  const rows = await tx
    .select({ userId: accounts.userId })
    .from(accounts)
    .where(
      and(
        eq(accounts.role, "admin"),
        ne(accounts.userId, userId),
        isNull(accounts.bannedAt),
        isNull(accounts.deletionDueAt),
      ),
    )
    .limit(1);
  return rows.length > 0;
}

/** @throws AppError last_admin where nobody but this user can act as one, and goes on to. */
export async function assertOtherAdmin(tx: Transaction, userId: string): Promise<void> {
  if (!(await hasOtherAdmin(tx, userId)))
    throw new AppError(LastAdmin, `Cannot do without admin "${userId}": nobody else stays`);
}
