import { eq } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, TooManyAttempts } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { workWithin } from "../../../platform/throttle.ts";
import type { ThrottlePolicy } from "../../../platform/throttle_policy.ts";
import { TotpInvalid } from "../../mfa/mod.ts";
import { InvalidCredentials } from "../schema.ts";
import { accounts } from "../tables.ts";
import { verifyPassword } from "./passwords.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** Whoever holds a session without knowing its password gets no further than at the sign-in, whatever they ask for. */
const PASSWORDS_OF_ACCOUNT: ThrottlePolicy = {
  name: "account",
  freeFailures: 10,
  firstWaitMs: SECOND_MS,
  longestWaitMs: 15 * MINUTE_MS,
  isResetBySuccess: true,
};
/** A person proves who they are once, and a client may do it twice; many more would take the hashes away from others. */
const MAX_AT_ONCE = 2;
const BUSY_RETRY_AFTER_SECONDS = 1;

/** How many proofs of each user are under way in this process; one without any has no entry. */
const underWay = new Map<string, number>();

interface Shown {
  userId: string;
  password: string;
}

/**
 * Does what a signed-in user has to show their password for. All of it shares one count of wrong ones, so that no
 * further endpoint means further guesses. The work gets the hash that was checked, which it has to hold with
 * `holdPassword` in the transaction that acts, and answers undefined where another has taken its place meanwhile.
 * @throws AppError too_many_attempts before any work is done; invalid_credentials; else what the work throws.
 */
export async function withPassword<T>(
  platform: Platform,
  shown: Shown,
  work: (passwordHash: string) => Promise<T | undefined>,
): Promise<T> {
  const attempt = {
    scope: "password",
    checks: [{ policy: PASSWORDS_OF_ACCOUNT, subject: shown.userId }],
    counted: [InvalidCredentials, TotpInvalid],
  };
  return await oneOfFew(shown.userId, () =>
    workWithin(platform.throttle, attempt, async () => {
      // A password that is changed after its check is no proof; what it is now, a second look tells.
      const result =
        (await tryPassword(platform, shown, work)) ?? (await tryPassword(platform, shown, work));
      if (result === undefined) throw wrong(shown);
      return result;
    }),
  );
}

async function tryPassword<T>(
  platform: Platform,
  { userId, password }: Shown,
  work: (passwordHash: string) => Promise<T | undefined>,
): Promise<T | undefined> {
  const [account] = await platform.db.run({ role: "auth" }, (tx) =>
    tx
      .select({ passwordHash: accounts.passwordHash })
      .from(accounts)
      .where(eq(accounts.userId, userId)),
  );
  const passwordHash = account?.passwordHash;
  if (!(await verifyPassword(password, passwordHash)) || !passwordHash) throw wrong({ userId });
  return await work(passwordHash);
}

/** Refuses what is one too many at once before it takes a place in the line of the hashes. */
async function oneOfFew<T>(userId: string, work: () => Promise<T>): Promise<T> {
  const before = underWay.get(userId) ?? 0;
  if (before >= MAX_AT_ONCE)
    throw new AppError(
      TooManyAttempts,
      `Cannot check a password of user "${userId}": others wait`,
      {
        headers: { "retry-after": String(BUSY_RETRY_AFTER_SECONDS) },
      },
    );
  underWay.set(userId, before + 1);
  try {
    return await work();
  } finally {
    const left = (underWay.get(userId) ?? 1) - 1;
    if (left > 0) underWay.set(userId, left);
    else underWay.delete(userId);
  }
}

/** Locks the account until the commit, if its password is still the one that was checked. */
export async function holdPassword(
  tx: Transaction,
  { userId, passwordHash }: { userId: string; passwordHash: string | null },
): Promise<boolean> {
  const rows = await tx
    .select({ passwordHash: accounts.passwordHash })
    .from(accounts)
    .where(eq(accounts.userId, userId))
    .for("update");
  return rows[0]?.passwordHash === passwordHash;
}

function wrong({ userId }: Pick<Shown, "userId">): AppError {
  return new AppError(InvalidCredentials, `Cannot accept a password of user "${userId}"`);
}
