import { and, eq, lt } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, TooManyAttempts } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { recordAudit } from "../../audit/mod.ts";
import { TotpInvalid, TotpMail, TotpRequired } from "../schema.ts";
import { totpSecrets } from "../tables.ts";
import { addFailure, waitForGuessMs } from "./guesses.ts";
import { findStep } from "./one_time_codes.ts";
import { spendRecoveryCode } from "./recovery_codes.ts";
import { sealAnew, unseal } from "./sealing.ts";

const APP_CODE = /^\d{6}$/;

export type TotpRow = typeof totpSecrets.$inferSelect;
type Method = "totp" | "recovery_code";

/** What a person has shown beside the password; empty where nothing was asked for. */
export type Proof = { methods: Method[] } | { refusal: AppError };

/**
 * Asks for a code where the user's account has a second factor, whose locked row is `row`, in the transaction of what the
 * code is for, so that one is never there without the other. A refusal is returned and not thrown, because the transaction has to commit: it
 * holds the count of wrong codes.
 */
export async function proveSecondFactor(
  platform: Platform,
  tx: Transaction,
  { userId, row, code }: { userId: string; row: TotpRow | undefined; code: string | undefined },
): Promise<Proof> {
  if (!row?.confirmedAt) return { methods: [] };
  if (code === undefined)
    return { refusal: new AppError(TotpRequired, `Cannot sign user "${userId}" in: no code`) };
  return await tryCode(platform, tx, { row, code });
}

/** The user's row, which nobody else changes or tries codes against before this transaction ends. */
export async function lockTotp(tx: Transaction, userId: string): Promise<TotpRow | undefined> {
  const [row] = await tx
    .select()
    .from(totpSecrets)
    .where(eq(totpSecrets.userId, userId))
    .for("update");
  return row;
}

/**
 * Tries a code against a locked row. However many come at once and wherever, they wait for each other here, so the
 * count of wrong ones is exact; and where the server fails, nothing is counted.
 */
export async function tryCode(
  platform: Platform,
  tx: Transaction,
  { row, code }: { row: TotpRow; code: string },
): Promise<Proof> {
  const { userId } = row;
  const now = platform.now();
  const digits = code.replaceAll(/\s/g, "");
  const method: Method = APP_CODE.test(digits) ? "totp" : "recovery_code";
  // Whoever has run out of guesses at the app's codes still has the way that was made for such a case.
  const count = method === "totp" ? "codeFailuresUntil" : "recoveryFailuresUntil";
  const waitMs = waitForGuessMs(row[count], now);
  if (waitMs > 0) return { refusal: tooMany(waitMs) };
  const fits =
    method === "totp"
      ? await spendStep(platform, tx, { row, code: digits })
      : await spendAndTell(platform, tx, { userId, code });
  if (fits) return { methods: [method] };
  await tx
    .update(totpSecrets)
    .set({ [count]: addFailure(row[count], now) })
    .where(eq(totpSecrets.userId, userId));
  return { refusal: new AppError(TotpInvalid, `Cannot accept a code of user "${userId}"`) };
}

function tooMany(waitMs: number): AppError {
  return new AppError(TooManyAttempts, "Cannot try a code yet", {
    headers: { "retry-after": String(Math.ceil(waitMs / 1_000)) },
  });
}

/** Spends the time step of a code, so that neither the same code nor an older one is accepted again. */
async function spendStep(
  { tokens, now }: Platform,
  tx: Transaction,
  { row, code }: { row: TotpRow; code: string },
): Promise<boolean> {
  const { userId, keyId } = row;
  const secret = await unseal(tokens, row);
  const step = findStep(secret, code, { now: now(), after: row.lastStep });
  if (step === undefined) return false;
  const spent = await tx
    .update(totpSecrets)
    .set({ lastStep: step, ...(await sealAnew(tokens, { userId, keyId, secret })) })
    .where(and(eq(totpSecrets.userId, userId), lt(totpSecrets.lastStep, step)))
    .returning({ userId: totpSecrets.userId });
  return spent.length > 0;
}

async function spendAndTell(
  platform: Platform,
  tx: Transaction,
  { userId, code }: { userId: string; code: string },
): Promise<boolean> {
  if (!(await spendRecoveryCode(tx, { userId, code }))) return false;
  await recordAudit(tx, {
    action: "mfa.recovery_used",
    userId,
    actorId: userId,
    at: platform.now(),
    details: {},
  });
  await enqueue(tx, TotpMail, { userId, what: "recovery_used" });
  return true;
}
