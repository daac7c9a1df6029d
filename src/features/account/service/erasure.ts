import { and, eq, isNull, lte, sql } from "drizzle-orm";

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
import { ErasedMail } from "../schema.ts";
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

/** The database's clock decides, as it does for a cancellation and in the policies. */
const isDue = lte(accounts.deletionDueAt, sql`now()`);

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
      await leaveConversations(platform, userId, signal);
      const now = platform.now();
      const erase = (tx: Transaction) => eraseRows(tx, { userId, now });
      const ended = await platform.db.run(SYSTEM, erase, { timeoutMs: ERASING_MS });
      // A job does so too; until then the copies would still be believed.
      for (const sessionId of ended) await burySession(platform, { userId, sessionId });
      log.info("erased an account", { userId });
    } catch (error) {
      // What is away for this one is away for all of them; the sweep is put off.
      if (error instanceof AppError || signal.aborted) throw error;
      log.error("cannot erase an account", { userId, error });
    }
  }
}

/**
 * All that is left of the account goes in one transaction, or nothing does. The account's row is locked first: a sign-in
 * that is on its way ends before, and its session is among those that are deleted, or it finds no account.
 * @returns the sessions that were alive.
 */
async function eraseRows(
  tx: Transaction,
  { userId, now }: { userId: string; now: Date },
): Promise<string[]> {
  await tx.execute(sql`select set_config('statement_timeout', ${String(ERASING_MS)}, true)`);
  const [account] = await tx
    .update(accounts)
    .set({ version: sql`${accounts.version} + 1` })
    .where(and(eq(accounts.userId, userId), isDue))
    .returning({ address: accounts.email, locale: accounts.locale });
  if (!account) return [];
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
