import { and, count, desc, eq, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { foreignKeyViolation } from "../../../platform/database_errors.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { users } from "../../auth/tables.ts";
import { type Ban, Barred, MAX_BANS, StillMember, TooManyBans } from "../schema/bans.ts";
import { conversationBans } from "../tables/bans.ts";
import { conversationMembers } from "../tables/conversations.ts";
import { assertPermitted, holdMembers } from "./standing.ts";

interface BanInput {
  /** Who acts. */
  userId: string;
  conversationId: string;
  otherId: string;
}

/**
 * Bars a user from a group or a channel. @throws AppError not_found, forbidden for who may take nobody out, not_a_group,
 * still_member or too_many_bans.
 */
export async function barUser(platform: Platform, input: BanInput): Promise<void> {
  const { userId, conversationId, otherId } = input;
  try {
    await platform.db.run({ role: "app", userId }, async (tx) => {
      // Who comes in and who is barred follow one another, so that nobody is both.
      assertPermitted(await holdMembers(tx, conversationId), "removeMembers");
      await assertGone(tx, input);
      await tx
        .insert(conversationBans)
        .values({ conversationId, userId: otherId, barredBy: userId, createdAt: platform.now() })
        .onConflictDoNothing();
      await assertRoom(tx, conversationId);
    });
  } catch (error) {
    if (foreignKeyViolation(error) !== undefined)
      throw new AppError(NotFound, "Cannot bar: no such user", { cause: error });
    throw error;
  }
}

async function assertGone(tx: Transaction, { conversationId, otherId }: BanInput): Promise<void> {
  const [present] = await tx
    .select({ leftSeq: conversationMembers.leftSeq })
    .from(conversationMembers)
    .where(
      and(
        eq(conversationMembers.conversationId, conversationId),
        eq(conversationMembers.userId, otherId),
      ),
    );
  if (present && present.leftSeq === null)
    throw new AppError(StillMember, `Cannot bar user "${otherId}": they are a member`);
}

async function assertRoom(tx: Transaction, conversationId: string): Promise<void> {
  const [row] = await tx
    .select({ bans: count() })
    .from(conversationBans)
    .where(eq(conversationBans.conversationId, conversationId));
  if ((row?.bans ?? 0) > MAX_BANS)
    throw new AppError(TooManyBans, `Cannot bar more than ${MAX_BANS} users`);
}

/** Lets a user in again; where there is no ban, nothing happens. @throws as `barUser`. */
export async function unbarUser(platform: Platform, input: BanInput): Promise<void> {
  const { userId, conversationId, otherId } = input;
  await platform.db.run({ role: "app", userId }, async (tx) => {
    assertPermitted(await holdMembers(tx, conversationId), "removeMembers");
    await tx
      .delete(conversationBans)
      .where(
        and(
          eq(conversationBans.conversationId, conversationId),
          eq(conversationBans.userId, otherId),
        ),
      );
  });
}

/** For whoever brings somebody in, under the lock of the members. @throws AppError barred. */
export async function assertNotBarred(
  tx: Transaction,
  { conversationId, memberId }: { conversationId: string; memberId: string },
): Promise<void> {
  const [ban] = await tx
    .select({ userId: conversationBans.userId })
    .from(conversationBans)
    .where(
      and(
        eq(conversationBans.conversationId, conversationId),
        eq(conversationBans.userId, memberId),
      ),
    );
  if (ban) throw new AppError(Barred, `Cannot bring in user "${memberId}": they are barred`);
}

/** Who is barred from a conversation, the newest first. @throws AppError not_found, forbidden, not_a_group. */
export async function listBans(
  platform: Platform,
  input: { userId: string; conversationId: string; limit: number; cursor?: string },
): Promise<{ items: Ban[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId, conversationId, limit } = input;
  const scope = `bans ${conversationId} ${userId}`;
  const [at, id] = input.cursor === undefined ? [] : platform.cursors.decode(scope, input.cursor);
  const behind =
    at === undefined
      ? undefined
      : sql`(${conversationBans.createdAt}, ${conversationBans.userId}) < (${at}::timestamptz, ${id}::uuid)`;
  const rows = await platform.db.run({ role: "app", userId }, async (tx) => {
    assertPermitted(await holdMembers(tx, conversationId), "removeMembers");
    return await tx
      .select({
        userId: conversationBans.userId,
        displayName: users.displayName,
        createdAt: conversationBans.createdAt,
      })
      .from(conversationBans)
      .innerJoin(users, eq(users.id, conversationBans.userId))
      .where(and(eq(conversationBans.conversationId, conversationId), behind))
      .orderBy(desc(conversationBans.createdAt), desc(conversationBans.userId))
      .limit(limit + 1);
  });
  const items = rows
    .slice(0, limit)
    .map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }));
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.createdAt, last.userId]) : null;
  return { items, page: { nextCursor, limit } };
}
