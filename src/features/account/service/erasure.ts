import { and, eq, isNotNull, isNull, lte, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError } from "../../../platform/errors.ts";
import type { Log } from "../../../platform/log.ts";
import type { PersonalTable } from "../../../platform/personal_data.ts";
import type { WorkerPlatform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { recordAudit } from "../../audit/mod.ts";
import { burySession, noteEnded } from "../../auth/mod.ts";
import { accounts, sessions } from "../../auth/tables.ts";
import { dropAbandoned, leaveConversations } from "../../chat/mod.ts";
import { ErasedMail } from "../schema/credentials.ts";
import { PERSONAL_DATA } from "./registry.ts";

const SYSTEM = { role: "system" } as const;
/** Of one sweep; the next one goes on. */
const MAX_ERASED = 100;
/** Somebody may have said a lot that nobody keeps. */
const ERASING_MS = 60_000;

interface Erasing {
  signal: AbortSignal;
  log: Log;
}

/**
 * The database's clock decides, as it does for a cancellation and in the policies. A ban holds the erasure, or whoever is
 * banned could be back under the same address.
 */
const isDue = and(lte(accounts.deletionDueAt, sql`now()`), isNull(accounts.bannedAt));

/**
 * Erases the accounts whose time has come. One that cannot be erased is logged and does not keep the others waiting,
 * which is why they come in no order.
 */
export async function eraseDue(platform: WorkerPlatform, { signal, log }: Erasing): Promise<void> {
  const due = await platform.db.run(SYSTEM, (tx) =>
    tx
      .select({ userId: accounts.userId })
      .from(accounts)
      .where(isDue)
      .orderBy(sql`random()`)
      .limit(MAX_ERASED),
  );
  for (const { userId } of due) {
    try {
      if (await eraseAccount(platform, userId, signal)) log.info("erased an account", { userId });
    } catch (error) {
      // What is away for this one is away for all of them; the sweep is put off.
      if (error instanceof AppError || signal.aborted) throw error;
      log.error("cannot erase an account", { userId, error });
    }
  }
}

/** @returns false where the owner has come back in time, or a ban holds the erasure. */
async function eraseAccount(
  platform: WorkerPlatform,
  userId: string,
  signal: AbortSignal,
): Promise<boolean> {
  // Committed before anything else is done, so that no cancellation comes between what follows.
  if (!(await platform.db.run(SYSTEM, (tx) => begin(tx, userId)))) return false;
  await leaveConversations(platform, userId, signal);
  const now = platform.now();
  const erase = (tx: Transaction) => eraseRows(tx, { userId, now });
  const ended = await platform.db.run(SYSTEM, erase, { timeoutMs: ERASING_MS });
  if (!ended) return false;
  // A job does so too; until then the copies would still be believed.
  for (const sessionId of ended) await burySession(platform, { userId, sessionId });
  return true;
}

/**
 * Marks the account as being erased, which nobody takes back. It waits for a cancellation or a sign-in that holds the
 * row; whichever comes later finds the mark. @returns false where the account is not due any more.
 */
async function begin(tx: Transaction, userId: string): Promise<boolean> {
  const marked = await tx
    .update(accounts)
    .set({ erasingSince: sql`coalesce(${accounts.erasingSince}, now())` })
    .where(and(eq(accounts.userId, userId), isDue))
    .returning({ userId: accounts.userId });
  return marked.length > 0;
}

/**
 * All that is left of the account goes in one transaction, or nothing does. The account's row is locked first, so that a
 * ban comes before and holds the erasure, or finds no account.
 * @returns the sessions that were alive; undefined where nothing was erased.
 */
async function eraseRows(
  tx: Transaction,
  { userId, now }: { userId: string; now: Date },
): Promise<string[] | undefined> {
  await tx.execute(sql`select set_config('statement_timeout', ${String(ERASING_MS)}, true)`);
  const [account] = await tx
    .select({ address: accounts.email, locale: accounts.locale })
    .from(accounts)
    .where(and(eq(accounts.userId, userId), isDue, isNotNull(accounts.erasingSince)))
    .for("update");
  if (!account) return undefined;
  const living = await tx
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.userId, userId), isNull(sessions.revokedAt)));
  const ended = living.map(({ id }) => id);
  await noteEnded(tx, { userId, ids: ended });
  await dropAbandoned(tx, userId);
  for (const policy of PERSONAL_DATA) await apply(tx, policy, { userId, now });
  await recordAudit(tx, {
    action: "account.erased",
    userId,
    actorId: null,
    at: now,
    details: {},
  });
  await enqueue(tx, ErasedMail, { userId, ...account });
  return ended;
}

async function apply(
  tx: Transaction,
  { table, owner, erased }: PersonalTable,
  { userId, now }: { userId: string; now: Date },
): Promise<void> {
  if (erased.by === "deletion") await tx.delete(table).where(eq(owner, userId));
  if (erased.by === "anonymizing")
    await tx.update(table).set(erased.set(now)).where(eq(owner, userId));
}
