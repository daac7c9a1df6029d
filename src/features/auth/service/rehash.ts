import { and, eq } from "drizzle-orm";

import { AppError, Overloaded } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { accounts } from "../tables.ts";
import { hashPassword, isOutdated } from "./passwords.ts";

/**
 * Replaces a hash of old parameters, now that its password has just been shown to be right. A hash that was changed in
 * the meantime stays as it is, and a server with too much to do leaves the work to the next sign-in.
 */
export async function rehash(
  platform: Platform,
  account: { userId: string; passwordHash: string | null; password: string },
): Promise<void> {
  const { userId, passwordHash, password } = account;
  if (passwordHash === null || !isOutdated(passwordHash)) return;
  try {
    const renewed = await hashPassword(password);
    await platform.db.run({ role: "auth" }, (tx) =>
      tx
        .update(accounts)
        .set({ passwordHash: renewed })
        .where(and(eq(accounts.userId, userId), eq(accounts.passwordHash, passwordHash))),
    );
  } catch (error) {
    if (!(error instanceof AppError && error.kind === Overloaded)) throw error;
  }
}
