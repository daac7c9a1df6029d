import { eq, sql } from "drizzle-orm";

import type { Database } from "../../../platform/database.ts";
import type { AccountRole } from "../../../platform/permissions.ts";
import { recordAudit } from "../../audit/mod.ts";
import { hasOtherAdmin, holdRights, noteChanged } from "../../auth/mod.ts";
import { accounts } from "../../auth/tables.ts";

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
