import { and, asc, desc, eq, gt, inArray, isNull } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { ChannelEvent, ChannelSource, Membership } from "../../../platform/realtime/source.ts";
import { conversationEvents, conversationMembers, conversations, messages } from "../tables.ts";
import {
  channelOf,
  conversationOf,
  eventFrame,
  type MemberChange,
  memberEvent,
  messageEvent,
} from "./frames.ts";
import { assertMember } from "./messages.ts";

const SYSTEM = { role: "system" } as const;
const READ = { read: true } as const;

/** Conversations as the hub sees them: channels with positions and events. */
export function createChatSource(platform: Pick<Platform, "db">): ChannelSource {
  const { db } = platform;
  return {
    listMemberships: (userId, limit) =>
      db.run(
        SYSTEM,
        async (tx) => (await selectMemberships(tx, userId).limit(limit)).map(toMembership),
        READ,
      ),
    findMembership: async (userId, channel) => {
      const [row] = await db.run(
        SYSTEM,
        (tx) => selectMemberships(tx, userId, conversationOf(channel)).limit(1),
        READ,
      );
      return row && toMembership(row);
    },
    listEvents: (channel, range) =>
      db.run(SYSTEM, (tx) => selectEvents(tx, conversationOf(channel), range), READ),
    listTops: async (channels) => {
      const ids = channels.map(conversationOf);
      const rows = await db.run(
        SYSTEM,
        (tx) =>
          tx
            .select({ id: conversations.id, seq: conversations.lastSeq })
            .from(conversations)
            .where(inArray(conversations.id, ids)),
        READ,
      );
      return new Map(rows.map((row) => [channelOf(row.id), row.seq]));
    },
  };
}

function selectMemberships(tx: Transaction, userId: string, conversationId?: string) {
  return tx
    .select({
      id: conversations.id,
      seq: conversations.lastSeq,
      changedAt: conversations.lastEventAt,
      joinedSeq: conversationMembers.joinedSeq,
    })
    .from(conversationMembers)
    .innerJoin(conversations, eq(conversations.id, conversationMembers.conversationId))
    .where(
      and(
        eq(conversationMembers.userId, userId),
        isNull(conversationMembers.leftSeq),
        conversationId === undefined ? undefined : eq(conversations.id, conversationId),
      ),
    )
    .orderBy(desc(conversations.lastEventAt));
}

function toMembership(row: {
  id: string;
  seq: number;
  changedAt: Date;
  joinedSeq: number;
}): Membership {
  const { id, seq, changedAt, joinedSeq } = row;
  return { channel: channelOf(id), seq, changedAt: changedAt.getTime(), joinedSeq };
}

async function selectEvents(
  tx: Transaction,
  conversationId: string,
  range: { after: number; limit: number },
): Promise<ChannelEvent[]> {
  const rows = await tx
    .select({ event: conversationEvents, message: messages })
    .from(conversationEvents)
    .leftJoin(messages, eq(messages.id, conversationEvents.messageId))
    .where(
      and(
        eq(conversationEvents.conversationId, conversationId),
        gt(conversationEvents.seq, range.after),
      ),
    )
    .orderBy(asc(conversationEvents.seq))
    .limit(range.limit);
  return rows.map(toEvent);
}

function toEvent(row: {
  event: typeof conversationEvents.$inferSelect;
  message: typeof messages.$inferSelect | null;
}): ChannelEvent {
  const { event, message } = row;
  const { conversationId, seq, createdAt, kind } = event;
  if (message) {
    const { id, clientId, senderId, body } = message;
    const sent = { id, seq, clientId, senderId, body, createdAt: message.createdAt.toISOString() };
    return messageEvent(conversationId, sent);
  }
  if (kind === "member")
    return memberEvent(conversationId, { seq, change: event.data as MemberChange, createdAt });
  return { seq, frame: eventFrame(conversationId, { seq, kind, data: event.data, createdAt }) };
}

/** The events behind `from`, for a member who asks. @throws AppError not_found for who is not one. */
export async function syncEvents(
  platform: Platform,
  input: { userId: string; channel: string; from: number; limit: number },
): Promise<{ events: ChannelEvent[]; more: boolean }> {
  const conversationId = conversationOf(input.channel);
  const range = { after: input.from, limit: input.limit + 1 };
  const events = await platform.db.run({ role: "app", userId: input.userId }, async (tx) => {
    await assertMember(tx, conversationId);
    return await selectEvents(tx, conversationId, range);
  });
  return { events: events.slice(0, input.limit), more: events.length > input.limit };
}
