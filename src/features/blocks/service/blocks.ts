import { and, count, desc, eq, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { foreignKeyViolation } from "../../../platform/database_errors.ts";
import { AppError, NotFound, ValidationFailed } from "../../../platform/errors.ts";
import type { Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { users } from "../../auth/tables.ts";
import { appendUserEvents, userEvent } from "../../realtime/mod.ts";
import { type Block, BlockChanged, MAX_BLOCKS, TooManyBlocks } from "../schema.ts";
import { blocks } from "../tables.ts";
import { holdPair } from "./reach.ts";

interface BlockInput {
  /** Who acts. */
  userId: string;
  otherId: string;
}

/**
 * Blocks a user. Once it is committed, neither of the two writes to the other: it waits for messages that are on their
 * way. @throws AppError not_found for an unknown user, too_many_blocks, or validation_failed for oneself.
 */
export async function blockUser(platform: Platform, input: BlockInput): Promise<void> {
  const { userId, otherId } = input;
  if (userId === otherId) throw selfRefused();
  try {
    const published = await platform.db.run({ role: "app", userId }, async (tx) => {
      await holdPair(tx, userId, otherId);
      const createdAt = platform.now();
      const added = await tx
        .insert(blocks)
        .values({ blockerId: userId, blockedId: otherId, createdAt })
        .onConflictDoNothing()
        .returning({ id: blocks.blockedId });
      if (added.length === 0) return [];
      await assertRoom(tx, userId);
      return await settle(tx, { ...input, on: true, now: createdAt });
    });
    platform.outbox.publish(published);
  } catch (error) {
    if (foreignKeyViolation(error) !== undefined)
      throw new AppError(NotFound, "Cannot block: no such user", { cause: error });
    throw error;
  }
}

/** Takes a block back; where there is none, nothing happens. */
export async function unblockUser(platform: Platform, input: BlockInput): Promise<void> {
  const { userId, otherId } = input;
  const published = await platform.db.run({ role: "app", userId }, async (tx) => {
    await holdPair(tx, userId, otherId);
    const deleted = await tx
      .delete(blocks)
      .where(and(eq(blocks.blockerId, userId), eq(blocks.blockedId, otherId)))
      .returning({ id: blocks.blockedId });
    if (deleted.length === 0) return [];
    return await settle(tx, { ...input, on: false, now: platform.now() });
  });
  platform.outbox.publish(published);
}

/**
 * What the two may do in their conversation stands in their own rows of its members, which every send looks at and
 * holds. So a block costs no send anything, and one that is on its way is stored before the block or refused after it.
 */
async function settle(
  tx: Transaction,
  { userId, otherId, on, now }: BlockInput & { on: boolean; now: Date },
): Promise<Publication[]> {
  await tx.execute(sql`select app.settle_block(${otherId}::uuid)`);
  return await appendUserEvents(
    tx,
    [userEvent(userId, BlockChanged, { userId: otherId, on })],
    now,
  );
}

async function assertRoom(tx: Transaction, userId: string): Promise<void> {
  const [row] = await tx
    .select({ blocks: count() })
    .from(blocks)
    .where(eq(blocks.blockerId, userId));
  if ((row?.blocks ?? 0) > MAX_BLOCKS)
    throw new AppError(TooManyBlocks, `Cannot block more than ${MAX_BLOCKS} users`);
}

function selfRefused(): AppError {
  const message = { en: "must be somebody else", vi: "phải là người khác" };
  return new AppError(ValidationFailed, "Cannot block oneself", {
    errors: [{ pointer: "/userId", code: "self", message }],
  });
}

/** Whom the user has blocked, the newest first, those behind the cursor. */
export async function listBlocks(
  platform: Platform,
  input: { userId: string; limit: number; cursor?: string },
): Promise<{ items: Block[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId, limit } = input;
  const scope = `blocks ${userId}`;
  const [at, id] = input.cursor === undefined ? [] : platform.cursors.decode(scope, input.cursor);
  const behind =
    at === undefined
      ? undefined
      : sql`(${blocks.createdAt}, ${blocks.blockedId}) < (${at}::timestamptz, ${id}::uuid)`;
  const rows = await platform.db.run(
    { role: "app", userId },
    (tx) =>
      tx
        .select({
          userId: blocks.blockedId,
          displayName: users.displayName,
          createdAt: blocks.createdAt,
        })
        .from(blocks)
        .innerJoin(users, eq(users.id, blocks.blockedId))
        .where(and(eq(blocks.blockerId, userId), behind))
        .orderBy(desc(blocks.createdAt), desc(blocks.blockedId))
        .limit(limit + 1),
    { read: true },
  );
  const items = rows
    .slice(0, limit)
    .map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }));
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.createdAt, last.userId]) : null;
  return { items, page: { nextCursor, limit } };
}
