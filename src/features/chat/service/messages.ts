import { and, desc, eq, lt, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Message } from "../schema.ts";
import { messages } from "../tables.ts";

/** Messages newest first, those before the cursor. @throws AppError not_found for who is not a member. */
export async function listMessages(
  platform: Platform,
  input: { userId: string; conversationId: string; limit: number; cursor?: string },
): Promise<{ items: Message[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId, conversationId, limit } = input;
  const scope = `messages ${conversationId} ${userId}`;
  const before =
    input.cursor === undefined
      ? undefined
      : Number(platform.cursors.decode(scope, input.cursor)[0]);
  const rows = await platform.db.run({ role: "app", userId }, async (tx) => {
    await assertMember(tx, conversationId);
    return await tx
      .select()
      .from(messages)
      .where(
        and(
          eq(messages.conversationId, conversationId),
          before === undefined ? undefined : lt(messages.seq, before),
        ),
      )
      .orderBy(desc(messages.seq))
      .limit(limit + 1);
  });
  const items = rows.slice(0, limit).map(toMessage);
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.seq]) : null;
  return { items, page: { nextCursor, limit } };
}

/** @throws AppError not_found, which is also what a stranger to an existing conversation is told. */
export async function assertMember(tx: Transaction, conversationId: string): Promise<string> {
  const [row] = await tx.execute<{ role: string | null }>(
    sql`select app.conversation_role(${conversationId}::uuid) as role`,
  );
  if (!row?.role) throw new AppError(NotFound, `Cannot see conversation "${conversationId}"`);
  return row.role;
}

function toMessage(row: typeof messages.$inferSelect): Message {
  const { id, seq, clientId, senderId, body, createdAt } = row;
  return { id, seq, clientId, senderId, body, createdAt: createdAt.toISOString() };
}
