import { and, eq, isNull, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";

import type { Transaction } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import { messageMentions, messageReactions, pinnedMessages } from "../tables/marks.ts";
import { messageEdits, messages } from "../tables/messages.ts";
import { type Appended, appendEvent } from "./append.ts";
import { indexNoMore } from "./search_index.ts";

interface Place {
  conversationId: string;
  seq: number;
}

/**
 * Takes a message out on behalf of staff, which may be in no conversation: nothing of what it said is left, and everybody
 * there is told in turn. Which of our people it was is for us to know, so the event names the author. The database lets
 * it happen to reported messages alone. A message that is deleted already stays so.
 */
export async function takeOutMessage(platform: Platform, place: Place): Promise<void> {
  const { conversationId, seq } = place;
  const now = platform.now();
  const appended = await platform.db
    .run({ role: "system" }, async (tx) => {
      const message = await findMessage(tx, place);
      if (!message) return undefined;
      const event = await appendEvent(tx, {
        conversationId,
        actorId: message.senderId,
        kind: "msg.del",
        messageSeq: seq,
        data: {
          messageId: message.id,
          messageSeq: seq,
          actorId: message.senderId,
          deletedAt: now.toISOString(),
          byStaff: true,
        },
        now,
      });
      // Behind the lock of the conversation, so that two who take it out do so once.
      if (!(await findMessage(tx, place))) throw new Gone();
      await wipe(tx, place, now);
      return event;
    })
    .catch((error: unknown): Appended | undefined => {
      if (error instanceof Gone) return undefined;
      throw error;
    });
  if (appended) platform.outbox.publish([appended.publication]);
}

/** Undoes the transaction of whoever comes second. */
class Gone extends Error {
  override readonly name = "Gone";
}

async function findMessage(
  tx: Transaction,
  { conversationId, seq }: Place,
): Promise<{ id: string; senderId: string } | undefined> {
  const [row] = await tx
    .select({ id: messages.id, senderId: messages.senderId })
    .from(messages)
    .where(
      and(
        eq(messages.conversationId, conversationId),
        eq(messages.seq, seq),
        isNull(messages.deletedAt),
      ),
    );
  return row;
}

async function wipe(tx: Transaction, place: Place, now: Date): Promise<void> {
  const at = (table: { conversationId: PgColumn; messageSeq: PgColumn }): SQL =>
    sql`${table.conversationId} = ${place.conversationId}::uuid and ${table.messageSeq} = ${place.seq}`;
  // What hangs on it goes first: with the message, the reason to touch it would be gone as well.
  await tx.delete(messageEdits).where(at(messageEdits));
  await tx.delete(messageReactions).where(at(messageReactions));
  await tx.delete(messageMentions).where(at(messageMentions));
  await tx.delete(pinnedMessages).where(at(pinnedMessages));
  await tx
    .update(messages)
    .set({
      body: "",
      deletedAt: now,
      mentions: null,
      mentionsAll: false,
      tickers: null,
      attachments: null,
    })
    .where(and(eq(messages.conversationId, place.conversationId), eq(messages.seq, place.seq)));
  await indexNoMore(tx, place);
}
