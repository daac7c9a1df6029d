import { and, eq, gt, isNotNull, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound, SessionRevoked } from "../../../platform/errors.ts";
import { networkOf } from "../../../platform/http/client_address.ts";
import type { Platform } from "../../../platform/platform.ts";
import { enqueue } from "../../../platform/queue/enqueue.ts";
import { recordAudit } from "../../audit/mod.ts";
import {
  announceEnded,
  assertOtherAdmin,
  assertRecent,
  type Ended,
  endWithin,
  holdRights,
  type Session,
} from "../../auth/mod.ts";
import { accounts, users } from "../../auth/tables.ts";
import { DeletionMail, DeletionUnderWay } from "../schema/credentials.ts";
import type { Deletion } from "../schema/lifecycle.ts";
import { withinDeletions } from "./throttles.ts";
import { dropLinks } from "./tokens.ts";

/** The caller's address, undefined where it is not known. */
interface From {
  address: string | undefined;
}

const STATE = { requestedAt: accounts.deletionRequestedAt, dueAt: accounts.deletionDueAt };

type State = Record<keyof typeof STATE, Date | null>;
type Locked = State & Pick<typeof accounts.$inferSelect, "role">;

/** Whether the user's account is going to be erased, and when. */
export async function getDeletion(
  platform: Platform,
  { userId }: Pick<Session, "userId">,
): Promise<Deletion> {
  const [state] = await platform.db.run(
    { role: "app", userId },
    (tx) => tx.select(STATE).from(accounts).where(eq(accounts.userId, userId)),
    { read: true },
  );
  return toDeletion(state);
}

/**
 * Has the account erased when the time of grace is over, unless its owner comes back for it. Whoever else holds a session
 * of it loses that now. @throws AppError reauthentication_required; too_many_attempts; last_admin.
 */
export async function requestDeletion(
  platform: Platform,
  session: Session,
  { address }: From,
): Promise<Deletion> {
  await assertRecent(platform, session);
  const { state, ended } = await withinDeletions(platform, session.userId, () =>
    platform.db.run({ role: "auth" }, (tx) => schedule(platform, tx, { session, address })),
  );
  if (ended) {
    await announceEnded(platform, ended);
    platform.jobs.wake();
  }
  return toDeletion(state);
}

async function schedule(
  platform: Platform,
  tx: Transaction,
  { session, address }: From & { session: Session },
): Promise<{ state: State; ended?: Ended }> {
  const { userId, sessionId } = session;
  const before = await holdAccount(tx, userId);
  if (before.dueAt) return { state: before };
  if (before.role === "admin") await assertOtherAdmin(tx, userId);
  const now = platform.now();
  const dueAt = new Date(now.getTime() + platform.config.deletionGraceMs);
  await tx
    .update(accounts)
    .set({ deletionRequestedAt: now, deletionDueAt: dueAt })
    .where(eq(accounts.userId, userId));
  await tx.update(users).set({ closedAt: now }).where(eq(users.id, userId));
  // Nobody who reads the owner's mail moves the account to another address meanwhile.
  await dropLinks(tx, { userId, purposes: ["email_change_old", "email_change_new"], now });
  const network = networkOf(address);
  await recordAudit(tx, {
    action: "account.deletion_requested",
    userId,
    actorId: userId,
    at: now,
    details: {},
    sessionId,
    ...(network === undefined ? {} : { network }),
  });
  await enqueue(tx, DeletionMail, { userId, what: "requested", dueAt: dueAt.toISOString() });
  const ended = await endWithin(tx, { userId, which: { except: sessionId }, now });
  return { state: { requestedAt: now, dueAt }, ended };
}

/**
 * Takes the request back. The clock is that of the database, as for the erasure, so that never both of them happen.
 * @throws AppError not_found where nothing is to be cancelled; deletion_under_way when it is too late.
 */
export async function cancelDeletion(
  platform: Platform,
  { userId, sessionId }: Session,
): Promise<void> {
  await platform.db.run({ role: "auth" }, async (tx) => {
    const { dueAt } = await lockState(tx, userId);
    if (!dueAt) throw new AppError(NotFound, `Cannot keep user "${userId}": nobody wants to go`);
    const kept = await keepAccount(tx, { userId, dueAt, now: platform.now(), sessionId });
    if (!kept)
      throw new AppError(DeletionUnderWay, `Cannot keep user "${userId}": the time is over`);
  });
  platform.jobs.wake();
}

/**
 * Takes back what somebody who had the account before has asked for: whoever has registered with the address of somebody
 * else, or had their password, would otherwise have the account erased under its owner, who gets no notice at an address
 * that is not proven. Nothing happens where no deletion is planned, or it is too late.
 */
export async function keepRecovered(
  tx: Transaction,
  { userId, now }: { userId: string; now: Date },
): Promise<void> {
  const { dueAt } = await lockState(tx, userId);
  if (dueAt) await keepAccount(tx, { userId, dueAt, now });
}

/** @returns false where the time is over. */
async function keepAccount(
  tx: Transaction,
  { userId, dueAt, now, sessionId }: Kept,
): Promise<boolean> {
  const kept = await tx
    .update(accounts)
    .set({ deletionRequestedAt: null, deletionDueAt: null })
    .where(
      and(
        eq(accounts.userId, userId),
        isNotNull(accounts.deletionDueAt),
        gt(accounts.deletionDueAt, sql`clock_timestamp()`),
      ),
    )
    .returning({ userId: accounts.userId });
  if (kept.length === 0) return false;
  await tx.update(users).set({ closedAt: null }).where(eq(users.id, userId));
  await recordAudit(tx, {
    action: "account.deletion_cancelled",
    userId,
    actorId: userId,
    at: now,
    details: {},
    ...(sessionId === undefined ? {} : { sessionId }),
  });
  await enqueue(tx, DeletionMail, { userId, what: "cancelled", dueAt: dueAt.toISOString() });
  return true;
}

interface Kept {
  userId: string;
  dueAt: Date;
  now: Date;
  sessionId?: string;
}

/** Rights before the account, in the order of whoever changes them, so that the two cannot wait for each other. */
async function holdAccount(tx: Transaction, userId: string): Promise<Locked> {
  const [account] = await tx
    .select({ role: accounts.role })
    .from(accounts)
    .where(eq(accounts.userId, userId));
  if (account?.role === "admin") await holdRights(tx);
  return await lockState(tx, userId);
}

/** Reads what is planned, and keeps others from changing it until the transaction ends. */
async function lockState(tx: Transaction, userId: string): Promise<Locked> {
  const find = () =>
    tx
      .select({ ...STATE, role: accounts.role })
      .from(accounts)
      .where(eq(accounts.userId, userId));
  const [held] = await find().for("update");
  // One that is being erased cannot be locked here, and what is planned for it does not change any more.
  const [state] = held ? [held] : await find();
  if (!state) throw new AppError(SessionRevoked, `Cannot find user "${userId}"`);
  return state;
}

function toDeletion(state: State | undefined): Deletion {
  const { requestedAt = null, dueAt = null } = state ?? {};
  return {
    isScheduled: dueAt !== null,
    requestedAt: requestedAt?.toISOString() ?? null,
    dueAt: dueAt?.toISOString() ?? null,
  };
}
