import { eq, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { AppError, NotFound } from "../../../platform/errors.ts";
import { eventPublication, type Publication } from "../../../platform/outbox.ts";
import { busOutbox } from "../../../platform/tables.ts";
import type { ChatEventData, ChatEventKind } from "../schema/events.ts";
import { conversationEvents, conversations } from "../tables/conversations.ts";
import { channelOf, chatEvent } from "./frames.ts";

/** What happens in a conversation beside its messages, which are events themselves. */
export interface NewEvent<Kind extends Exclude<ChatEventKind, "msg.new">> {
  conversationId: string;
  actorId: string;
  kind: Kind;
  /** The message that it is about. */
  messageSeq?: number;
  /** What members are told. */
  data: ChatEventData<Kind>;
  /** What is kept of it where that is less: never what a message says. */
  kept?: Partial<ChatEventData<Kind>>;
  /** How many more are in the conversation behind it. */
  joining?: 1 | -1;
  now: Date;
}

export interface Appended {
  seq: number;
  /** For the outbox, once the transaction has committed. */
  publication: Publication;
}

/**
 * Takes the next position, under the lock of the conversation's row, and writes the event and its outbox row. What the
 * event is about is written in the same transaction, after the lock, so that positions follow what they tell.
 */
export async function appendEvent<Kind extends Exclude<ChatEventKind, "msg.new">>(
  tx: Transaction,
  event: NewEvent<Kind>,
): Promise<Appended> {
  const { conversationId, actorId, kind, data, now } = event;
  const [row] = await tx
    .update(conversations)
    .set({
      lastSeq: sql`${conversations.lastSeq} + 1`,
      lastEventAt: now,
      ...(event.joining
        ? { memberCount: sql`${conversations.memberCount} + ${event.joining}` }
        : {}),
    })
    .where(eq(conversations.id, conversationId))
    .returning({ seq: conversations.lastSeq });
  if (!row) throw new AppError(NotFound, `Cannot see conversation "${conversationId}"`);
  const { seq } = row;
  await tx.insert(conversationEvents).values({
    conversationId,
    seq,
    kind,
    actorId,
    messageSeq: event.messageSeq ?? null,
    data: event.kept ?? data,
    createdAt: now,
  });
  const outboxId = Bun.randomUUIDv7();
  const channel = channelOf(conversationId);
  await tx.insert(busOutbox).values({ id: outboxId, channel, seq });
  const told = chatEvent(conversationId, { seq, kind, data, createdAt: now });
  return { seq, publication: eventPublication(outboxId, channel, told) };
}
