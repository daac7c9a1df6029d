import { and, eq, isNull, ne, sql } from "drizzle-orm";

import type { Database, Transaction } from "../../../platform/database.ts";
import type { AccountRole } from "../../../platform/permissions.ts";
import { recordAudit } from "../../audit/mod.ts";
import { noteChanged } from "../../auth/mod.ts";
import { accounts } from "../../auth/tables.ts";
import { holdRights } from "./changes.ts";

export type Appointment = "changed" | "unchanged" | "unknown" | "last_admin";

/**
 * Gives the account with this address a role, for an operator at the database: the first admin can come from nowhere
 * else. The running instances learn of it through their outbox, within seconds.
 */
export async function appoint(
  db: Database,
  input: { email: string; role: AccountRole; now: Date },
): Promise<Appointment> {
  const { role, now } = input;
  return await db.run({ role: "auth" }, async (tx) => {
    await holdRights(tx);
    const [account] = await tx
      .select({ userId: accounts.userId, role: accounts.role })
      .from(accounts)
      .where(eq(accounts.email, input.email.trim().toLowerCase()));
    if (!account) return "unknown";
    const { userId } = account;
    if (account.role === role) return "unchanged";
    if (account.role === "admin" && !(await hasOtherAdmin(tx, userId))) return "last_admin";
    const [changed] = await tx
      .update(accounts)
      .set({ role, version: sql`${accounts.version} + 1` })
      .where(eq(accounts.userId, userId))
      .returning({ version: accounts.version });
    await recordAudit(tx, {
      action: "admin.role_changed",
      userId,
      actorId: null,
      at: now,
      details: { from: account.role, to: role },
    });
    await noteChanged(tx, { userId, version: changed?.version ?? 0, now });
    return "changed";
  });
}

/** One who is banned cannot act, and so does not count. */
async function hasOtherAdmin(tx: Transaction, userId: string): Promise<boolean> {
  const rows = await tx
    .select({ userId: accounts.userId })
    .from(accounts)
    .where(and(eq(accounts.role, "admin"), ne(accounts.userId, userId), isNull(accounts.bannedAt)))
    .limit(1);
  return rows.length > 0;
}
