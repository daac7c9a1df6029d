import { and, eq, isNull, sql } from "drizzle-orm";

import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { recordAudit } from "../../audit/mod.ts";
import { announceChanged, noteChanged, type Session } from "../../auth/mod.ts";
import { accounts } from "../../auth/tables.ts";
import { VerificationMail } from "../schema/credentials.ts";
import { withinLinks, withinOwnMails } from "./throttles.ts";
import { invalid, useToken } from "./tokens.ts";

/** Asks for another mail with the link that confirms the user's address. */
export async function resendVerification(
  platform: Platform,
  { userId }: Pick<Session, "userId">,
): Promise<void> {
  await withinOwnMails(platform, { userId }, () =>
    platform.db.run({ role: "app", userId }, (tx) => enqueue(tx, VerificationMail, { userId })),
  );
  platform.jobs.wake();
}

/**
 * Notes that mail reaches the owner of the account. It proves that to no other account and joins none: whoever signs in
 * by other means finds an account only by having linked it while signed in. @throws AppError link_invalid.
 */
export async function confirmEmail(
  platform: Platform,
  { token, address }: { token: string; address: string | undefined },
): Promise<void> {
  const changed = await withinLinks(platform, address, () =>
    platform.db.run({ role: "auth" }, async (tx) => {
      const now = platform.now();
      const { owner, email } = await useToken(tx, {
        token,
        purposes: ["email_verification"],
        now,
      });
      if (owner.email !== email) throw invalid();
      const { userId } = owner;
      const [account] = await tx
        .update(accounts)
        .set({ emailVerifiedAt: now, version: sql`${accounts.version} + 1` })
        .where(and(eq(accounts.userId, userId), isNull(accounts.emailVerifiedAt)))
        .returning({ version: accounts.version });
      if (!account) return undefined;
      await recordAudit(tx, {
        action: "account.email_verified",
        userId,
        actorId: userId,
        at: now,
        details: {},
      });
      return await noteChanged(tx, { userId, version: account.version, now });
    }),
  );
  if (changed) await announceChanged(platform, changed);
}
