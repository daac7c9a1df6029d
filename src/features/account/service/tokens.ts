import { and, eq, gt, inArray } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError } from "../../../platform/errors.ts";
import { accounts, users } from "../../auth/tables.ts";
import { LinkInvalid } from "../schema/credentials.ts";
import { accountTokens, emailChanges } from "../tables.ts";
import { digestOf, type Purpose } from "./links.ts";

/** The account that a token is of. */
export interface Owner {
  userId: string;
  /** The account's address now. */
  email: string;
}

export interface Used {
  owner: Owner;
  purpose: Purpose;
  /** The address that the token was mailed to. */
  email: string;
  changeId: string | null;
}

interface Wanted {
  token: string;
  purposes: Purpose[];
  now: Date;
}

/** Whose token it is, while it can be used. It stays usable. @throws AppError link_invalid. */
export async function findOwner(
  tx: Transaction,
  wanted: Wanted,
): Promise<Owner & { displayName: string }> {
  const [owner] = await tx
    .select({
      userId: accounts.userId,
      email: accounts.email,
      displayName: users.displayName,
    })
    .from(accountTokens)
    .innerJoin(accounts, eq(accounts.userId, accountTokens.userId))
    .innerJoin(users, eq(users.id, accounts.userId))
    .where(matching(wanted));
  if (!owner) throw invalid();
  return owner;
}

/**
 * Uses a token up. The account's row is locked first, as everywhere, so that two uses of different tokens cannot wait
 * for each other; of two uses of one token the deletion lets one through. @throws AppError link_invalid.
 */
export async function useToken(tx: Transaction, wanted: Wanted): Promise<Used> {
  const { userId } = await findOwner(tx, wanted);
  const owner = await lockAccount(tx, userId);
  const [used] = await tx.delete(accountTokens).where(matching(wanted)).returning({
    purpose: accountTokens.purpose,
    email: accountTokens.email,
    changeId: accountTokens.changeId,
  });
  if (!used || !owner) throw invalid();
  return { owner, ...used };
}

/** Reads an account and keeps others from changing it until the transaction ends. */
export async function lockAccount(tx: Transaction, userId: string): Promise<Owner | undefined> {
  const [owner] = await tx
    .select({ userId: accounts.userId, email: accounts.email })
    .from(accounts)
    .where(eq(accounts.userId, userId))
    .for("update");
  return owner;
}

/**
 * Takes back what was mailed for the account and what it waits for: whoever could read those mails, or had asked for
 * them, gets nothing by it any more.
 */
export async function dropLinks(
  tx: Transaction,
  { userId, purposes, now }: { userId: string; purposes: Purpose[]; now: Date },
): Promise<void> {
  await tx
    .delete(accountTokens)
    .where(
      and(
        eq(accountTokens.userId, userId),
        inArray(accountTokens.purpose, purposes),
        gt(accountTokens.expiresAt, now),
      ),
    );
  await tx.delete(emailChanges).where(eq(emailChanges.userId, userId));
}

export function invalid(): AppError {
  return new AppError(LinkInvalid, "Cannot use the link");
}

function matching({ token, purposes, now }: Wanted) {
  return and(
    eq(accountTokens.digest, digestOf(token)),
    inArray(accountTokens.purpose, purposes),
    gt(accountTokens.expiresAt, now),
  );
}
