import { and, eq, isNull } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import { MessageGone } from "../schema/messages.ts";
import { conversationMembers, conversations } from "../tables/conversations.ts";
import { messages } from "../tables/messages.ts";

/** Who acts on a message, by its position. */
export interface MessageInput {
  userId: string;
  conversationId: string;
  seq: number;
}

export type MessageRow = typeof messages.$inferSelect;

/**
 * Holds the conversation until the commit, so that what follows is counted by nobody else meanwhile, and before it the
 * acting member's own row, in the order in which a send takes them. @returns the bits of what the member may do.
 * @throws AppError not_found for who is no member.
 */
export async function holdConversation(
  tx: Transaction,
  { userId, conversationId }: Pick<MessageInput, "userId" | "conversationId">,
): Promise<number> {
  const [member] = await tx
    .select({ permissions: conversationMembers.permissions })
    .from(conversationMembers)
    .where(
      and(
        eq(conversationMembers.conversationId, conversationId),
        eq(conversationMembers.userId, userId),
        isNull(conversationMembers.leftSeq),
      ),
    )
    .for("share");
  if (!member) throw new AppError(NotFound, `Cannot see conversation "${conversationId}"`);
  await tx
    .select({ id: conversations.id })
    .from(conversations)
    .where(eq(conversations.id, conversationId))
    .for("no key update");
  return member.permissions;
}

/** The message at a position that the acting user may see. @throws AppError not_found where there is none. */
export async function findMessage(
  tx: Transaction,
  { conversationId, seq }: Omit<MessageInput, "userId">,
): Promise<MessageRow> {
  const [row] = await tx
    .select()
    .from(messages)
    .where(and(eq(messages.conversationId, conversationId), eq(messages.seq, seq)));
  if (!row) throw new AppError(NotFound, `Cannot see a message at ${seq} of "${conversationId}"`);
  return row;
}

/** The same for one that still says something. @throws AppError not_found, message_gone. */
export async function findLiving(
  tx: Transaction,
  place: Omit<MessageInput, "userId">,
): Promise<MessageRow> {
  const row = await findMessage(tx, place);
  if (row.deletedAt) throw new AppError(MessageGone, `Cannot act on message "${row.id}": deleted`);
  return row;
}
