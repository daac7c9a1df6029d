import { and, desc, eq, gt, inArray, lt, ne, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { foreignKeyViolation } from "../../../platform/database_errors.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { accountTokens } from "../tables.ts";

export type Purpose = (typeof accountTokens.$inferSelect)["purpose"];

/** What a log hides, wherever it stands. */
const PREFIX = "frv1_";
const TOKEN_BYTES = 32;
const MINUTE_MS = 60_000;
const LIFE_MS: Record<Purpose, number> = {
  email_verification: 24 * 60 * MINUTE_MS,
  password_reset: 30 * MINUTE_MS,
  email_change_old: 30 * MINUTE_MS,
  email_change_new: 30 * MINUTE_MS,
};
/** Pages of the web app. */
const PAGES: Record<Purpose, string> = {
  email_verification: "verify-email",
  password_reset: "reset-password",
  email_change_old: "confirm-email",
  email_change_new: "confirm-email",
};
/** A mail that is tried again carries another token. Any of its attempts may be the one that arrived. */
const MAX_ATTEMPTS_KEPT = 8;
const MAX_SWEPT = 100;

interface Link {
  userId: string;
  /** The address that the link is mailed to. */
  email: string;
  purpose: Purpose;
  /** The mail that carries it. */
  mailId: string;
  changeId?: string;
}

/**
 * Makes a link for a mail, and drops those of the same purpose that were mailed before. It is made by the job that
 * mails it, because what waits in a queue can be read there. The token stands behind the #, which no browser sends to a
 * server, so it is in nobody's access log. @returns undefined when what it is about is gone.
 */
export async function makeLink(platform: WorkerPlatform, link: Link): Promise<string | undefined> {
  const token = PREFIX + randomText();
  try {
    await platform.db.run({ role: "system" }, (tx) =>
      storeToken(tx, { ...link, token, now: platform.now() }),
    );
  } catch (error) {
    if (foreignKeyViolation(error) !== undefined) return undefined;
    throw error;
  }
  const url = new URL(PAGES[link.purpose], platform.config.publicUrl);
  url.hash = `token=${token}`;
  return url.href;
}

async function storeToken(
  tx: Transaction,
  stored: Link & { token: string; now: Date },
): Promise<void> {
  const { userId, email, purpose, mailId, changeId, token, now } = stored;
  // Two mails at once would otherwise each leave the other's link alive.
  const lock = `account link ${userId} ${purpose}`;
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`);
  await sweep(tx, now);
  const alive = and(
    eq(accountTokens.userId, userId),
    eq(accountTokens.purpose, purpose),
    gt(accountTokens.expiresAt, now),
  );
  const surplus = tx
    .select({ id: accountTokens.id })
    .from(accountTokens)
    .where(and(alive, eq(accountTokens.mailId, mailId)))
    .orderBy(desc(accountTokens.id))
    .offset(MAX_ATTEMPTS_KEPT - 1);
  await tx.delete(accountTokens).where(and(alive, ne(accountTokens.mailId, mailId)));
  await tx.delete(accountTokens).where(inArray(accountTokens.id, surplus));
  await tx.insert(accountTokens).values({
    id: Bun.randomUUIDv7(),
    userId,
    purpose,
    digest: digestOf(token),
    email,
    changeId: changeId ?? null,
    mailId,
    createdAt: now,
    expiresAt: new Date(now.getTime() + LIFE_MS[purpose]),
  });
}

/** Deletes what has expired, a bounded number at a time and one process at a time. */
async function sweep(tx: Transaction, now: Date): Promise<void> {
  const [row] = await tx.execute<{ got: boolean }>(
    sql`select pg_try_advisory_xact_lock(hashtextextended('account links sweep', 0)) as got`,
  );
  if (row?.got !== true) return;
  const expired = tx
    .select({ id: accountTokens.id })
    .from(accountTokens)
    .where(lt(accountTokens.expiresAt, now))
    .orderBy(accountTokens.expiresAt)
    .limit(MAX_SWEPT);
  await tx.delete(accountTokens).where(inArray(accountTokens.id, expired));
}

/** What a token is recognised by. */
export function digestOf(token: string): Uint8Array {
  return new Bun.CryptoHasher("sha256").update(token).digest();
}

function randomText(): string {
  const random = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
  return random.toBase64({ alphabet: "base64url", omitPadding: true });
}
