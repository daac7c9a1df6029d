import { and, desc, eq, lt } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { Message } from "../schema/messages.ts";
import { messages } from "../tables/messages.ts";
import type { MessageRow } from "./hold.ts";
import { assertMember } from "./members.ts";
import { toMessage } from "./message_rows.ts";
import { countReactions } from "./reactions.ts";

/** The rows as their reader sees them, each with what others have made of it. */
async function withReactions(
  tx: Transaction,
  { rows, ...reader }: { userId: string; conversationId: string; rows: MessageRow[] },
): Promise<Message[]> {
  const seqs = rows.map(({ seq }) => seq);
  const reactions = await countReactions(tx, { ...reader, seqs });
  return rows.map((row) => {
    const given = reactions.get(row.seq);
    return given ? { ...toMessage(row), reactions: given } : toMessage(row);
  });
}

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
    const found = await tx
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
    return await withReactions(tx, { userId, conversationId, rows: found });
  });
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.seq]) : null;
  return { items, page: { nextCursor, limit } };
}
