import { and, eq } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, Forbidden } from "../../../platform/errors.ts";
import type { Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import { Permission } from "../schema/permissions.ts";
import { messageMentions, messageReactions, pinnedMessages } from "../tables/marks.ts";
import { messageEdits, messages } from "../tables/messages.ts";
import { appendEvent } from "./append.ts";
import { findMessage, holdConversation, type MessageInput } from "./hold.ts";
import { indexChange } from "./search_index.ts";

/**
 * Leaves nothing of what a message said, nor of what hung on it; its place stays, and so do the answers to it. Again it
 * changes nothing. @throws AppError not_found, or forbidden for who neither wrote it nor keeps order.
 */
export async function deleteMessage(platform: Platform, input: MessageInput): Promise<void> {
  const { userId } = input;
  const publication = await platform.db.run({ role: "app", userId }, async (tx) => {
    const permissions = await holdConversation(tx, input);
    const row = await findMessage(tx, input);
    if (row.senderId !== userId && (permissions & Permission.moderate) === 0)
      throw new AppError(Forbidden, `Cannot delete message "${row.id}"`);
    if (row.deletedAt) return undefined;
    return await bury(tx, { ...input, messageId: row.id, now: platform.now() });
  });
  if (publication) platform.outbox.publish([publication]);
}

/** Takes what the message said, and what hangs on it, before the row itself, because policies ask whose it is. */
async function bury(
  tx: Transaction,
  input: MessageInput & { messageId: string; now: Date },
): Promise<Publication> {
  const { userId, conversationId, seq, messageId, now } = input;
  for (const table of [messageEdits, messageReactions, messageMentions, pinnedMessages])
    await tx
      .delete(table)
      .where(and(eq(table.conversationId, conversationId), eq(table.messageSeq, seq)));
  await tx
    .update(messages)
    .set({
      body: "",
      deletedAt: now,
      deletedBy: userId,
      mentions: null,
      mentionsAll: false,
      tickers: null,
      attachments: null,
    })
    .where(eq(messages.id, messageId));
  await indexChange(tx, input);
  const data = { messageId, messageSeq: seq, actorId: userId, deletedAt: now.toISOString() };
  const event = { conversationId, actorId: userId, messageSeq: seq, now };
  return (await appendEvent(tx, { ...event, kind: "msg.del", data })).publication;
}
