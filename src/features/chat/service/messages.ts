import { and, desc, eq, lt } from "drizzle-orm";

import type { Platform } from "../../../platform/platform.ts";
import type { Message } from "../schema/messages.ts";
import { messages } from "../tables/messages.ts";
import { assertMember } from "./members.ts";
import { toMessage } from "./message_rows.ts";

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
