import { and, count, desc, eq, lt } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError } from "../../../platform/errors.ts";
import type { Platform } from "../../../platform/platform.ts";
import { Permission } from "../schema/permissions.ts";
import { MAX_PINS, type Pin, TooManyPins } from "../schema/pins.ts";
import { pinnedMessages } from "../tables/marks.ts";
import { messages } from "../tables/messages.ts";
import { appendEvent } from "./append.ts";
import { findLiving, findMessage, holdConversation, type MessageInput } from "./hold.ts";
import { assertMember } from "./members.ts";
import { toMessage } from "./message_rows.ts";
import { forbidden } from "./standing.ts";

/** Pins a message, or unpins it; again it changes nothing. @throws AppError not_found, message_gone, forbidden, too_many_pins. */
export async function setPin(
  platform: Platform,
  input: MessageInput & { on: boolean },
): Promise<void> {
  const { userId, conversationId, seq, on } = input;
  const now = platform.now();
  const publication = await platform.db.run({ role: "app", userId }, async (tx) => {
    const permissions = await holdConversation(tx, input);
    const row = on ? await findLiving(tx, input) : await findMessage(tx, input);
    if ((permissions & Permission.pin) === 0) throw forbidden("pin");
    const changed = on ? await add(tx, { ...input, now }) : await take(tx, input);
    if (!changed) return undefined;
    const data = { messageId: row.id, messageSeq: seq, actorId: userId, on };
    const event = { conversationId, actorId: userId, messageSeq: seq, now };
    return (await appendEvent(tx, { ...event, kind: "pin", data })).publication;
  });
  if (publication) platform.outbox.publish([publication]);
}

async function add(tx: Transaction, input: MessageInput & { now: Date }): Promise<boolean> {
  const { userId, conversationId, seq, now } = input;
  const added = await tx
    .insert(pinnedMessages)
    .values({ conversationId, messageSeq: seq, pinnedBy: userId, pinnedAt: now })
    .onConflictDoNothing()
    .returning({ seq: pinnedMessages.messageSeq });
  if (added.length === 0) return false;
  const [row] = await tx
    .select({ total: count() })
    .from(pinnedMessages)
    .where(eq(pinnedMessages.conversationId, conversationId));
  if ((row?.total ?? 0) > MAX_PINS)
    throw new AppError(TooManyPins, `Cannot pin in "${conversationId}": ${MAX_PINS} are`);
  return true;
}

async function take(tx: Transaction, { conversationId, seq }: MessageInput): Promise<boolean> {
  const taken = await tx
    .delete(pinnedMessages)
    .where(
      and(eq(pinnedMessages.conversationId, conversationId), eq(pinnedMessages.messageSeq, seq)),
    )
    .returning({ seq: pinnedMessages.messageSeq });
  return taken.length > 0;
}

/** What is pinned, the latest message first. @throws AppError not_found for who is no member. */
export async function listPins(
  platform: Platform,
  input: Omit<MessageInput, "seq"> & { limit: number; cursor?: string },
): Promise<{ items: Pin[]; page: { nextCursor: string | null; limit: number } }> {
  const { userId, conversationId, limit } = input;
  const scope = `pins ${conversationId} ${userId}`;
  const before =
    input.cursor === undefined
      ? undefined
      : Number(platform.cursors.decode(scope, input.cursor)[0]);
  const rows = await platform.db.run({ role: "app", userId }, async (tx) => {
    await assertMember(tx, conversationId);
    return await tx
      .select({ pin: pinnedMessages, message: messages })
      .from(pinnedMessages)
      .innerJoin(
        messages,
        and(
          eq(messages.conversationId, pinnedMessages.conversationId),
          eq(messages.seq, pinnedMessages.messageSeq),
        ),
      )
      .where(
        and(
          eq(pinnedMessages.conversationId, conversationId),
          before === undefined ? undefined : lt(pinnedMessages.messageSeq, before),
        ),
      )
      .orderBy(desc(pinnedMessages.messageSeq))
      .limit(limit + 1);
  });
  const items = rows.slice(0, limit).map(({ pin, message }) => ({
    message: toMessage(message),
    pinnedBy: pin.pinnedBy,
    pinnedAt: pin.pinnedAt.toISOString(),
  }));
  const last = rows.length > limit ? items.at(-1) : undefined;
  const nextCursor = last ? platform.cursors.encode(scope, [last.message.seq]) : null;
  return { items, page: { nextCursor, limit } };
}
