import { and, desc, eq, inArray, isNull, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import type { ChannelEvent, ChannelSource, Membership } from "../../../platform/realtime/source.ts";
import type { ChatEventData, ChatEventKind } from "../schema/events.ts";
import { conversationMembers, conversations } from "../tables/conversations.ts";
import { channelOf, chatEvent, conversationOf, messageEvent } from "./frames.ts";
import { assertMember } from "./members.ts";
import { editOf, readMessageRow, toMessage } from "./message_rows.ts";

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

/** One event as Postgres hands it over; `message` is what it tells or what it is about, its columns as JSON. */
interface EventRow extends Record<string, unknown> {
  seq: string;
  kind: string;
  data: unknown;
  created_at: string;
  message: Record<string, unknown> | null;
}

/**
 * Each side walks its own index in the order of positions and ends at the limit, however long the conversation is. What
 * a message says is read from its row, as it is now: an older change of it tells the same, and nothing that was deleted.
 */
async function selectEvents(
  tx: Transaction,
  conversationId: string,
  { after, limit }: { after: number; limit: number },
): Promise<ChannelEvent[]> {
  const range = sql`conversation_id = ${conversationId}::uuid and seq > ${after} order by seq limit ${limit}`;
  const rows = await tx.execute<EventRow>(sql`
    (select seq, 'msg.new' as kind, null::jsonb as data, created_at, to_jsonb(m) as message
      from app.messages m where ${range})
    union all
    (select e.seq, e.kind, e.data, e.created_at, to_jsonb(m)
      from (select * from app.conversation_events where ${range}) e
      left join app.messages m
        on e.kind = 'msg.edit' and m.conversation_id = e.conversation_id and m.seq = e.message_seq)
    order by seq limit ${limit}`);
  return rows.map((row) => toEvent(conversationId, row));
}

function toEvent(conversationId: string, row: EventRow): ChannelEvent {
  const message = row.message && toMessage(readMessageRow(row.message));
  if (row.kind === "msg.new" && message) return messageEvent(conversationId, message);
  const kind = row.kind as Exclude<ChatEventKind, "msg.new">;
  const data = { ...(row.data as object), ...(message && editOf(message)) };
  return chatEvent(conversationId, {
    seq: Number(row.seq),
    kind,
    data: data as ChatEventData<typeof kind>,
    createdAt: new Date(row.created_at),
  });
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
