import { and, eq } from "drizzle-orm";

import { AppError, Overloaded } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { accounts } from "../tables.ts";
import { hashPassword, isOutdated } from "./passwords.ts";

/**
 * Replaces a hash of old parameters, now that its password has just been shown to be right. A hash that was changed in
 * the meantime stays as it is, and a server with too much to do leaves the work to the next sign-in.
 * @returns the hash of this password that stands now, as far as nobody has changed it.
 */
export async function rehash(
  platform: Platform,
  account: { userId: string; passwordHash: string | null; password: string },
): Promise<string | null> {
  const { userId, passwordHash, password } = account;
  if (passwordHash === null || !isOutdated(passwordHash)) return passwordHash;
  try {
    const renewed = await hashPassword(password);
    const rows = await platform.db.run({ role: "auth" }, (tx) =>
      tx
        .update(accounts)
        .set({ passwordHash: renewed })
        .where(and(eq(accounts.userId, userId), eq(accounts.passwordHash, passwordHash)))
        .returning({ userId: accounts.userId }),
    );
    return rows.length > 0 ? renewed : passwordHash;
  } catch (error) {
    if (!(error instanceof AppError && error.kind === Overloaded)) throw error;
    return passwordHash;
  }
}
