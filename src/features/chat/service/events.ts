import { and, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import { unionAll } from "drizzle-orm/pg-core";

import type { Transaction } from "../../../platform/database.ts";
import type { Platform } from "../../../platform/platform.ts";
import {
  type ChannelSource,
  type Membership,
  userChannel,
} from "../../../platform/realtime/source.ts";
import { userStreams } from "../../realtime/tables.ts";
import { conversationMembers, conversations } from "../tables/conversations.ts";
import { selectEvents, selectRanges } from "./event_rows.ts";
import { channelOf, concealEdit, conversationOf } from "./frames.ts";

const SYSTEM = { role: "system" } as const;
const READ = { read: true } as const;

/** Conversations as the hub sees them: channels with positions and events. */
export function createChatSource(platform: Pick<Platform, "db">): ChannelSource {
  const { db } = platform;
  return {
    listMemberships: (userId, limit) => db.run(SYSTEM, (tx) => selectAll(tx, userId, limit), READ),
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
    listChannels: async (userIds) => {
      const rows = await db.run(SYSTEM, (tx) => selectChannels(tx, userIds), READ);
      return new Map(rows.map(({ userId, ids }) => [userId, new Set(ids.map(channelOf))]));
    },
    readRanges: (userId, ranges) => db.run(SYSTEM, (tx) => selectRanges(tx, userId, ranges), READ),
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
    conceal: (_, frame) => concealEdit(frame),
  };
}

/** The user's own channel stands first, so that whoever says hello asks once. */
async function selectAll(tx: Transaction, userId: string, limit: number): Promise<Membership[]> {
  const own = tx
    .select({
      id: sql<string | null>`null::uuid`.as("id"),
      seq: userStreams.lastSeq,
      changedAt: sql<Date>`now()`.mapWith(conversations.lastEventAt).as("changed_at"),
      joinedSeq: sql<number>`1`.mapWith(Number).as("joined_seq"),
      visibleFrom: sql<number>`1`.mapWith(Number).as("visible_from"),
    })
    .from(userStreams)
    .where(eq(userStreams.userId, userId));
  const rows = await unionAll(own, selectMemberships(tx, userId).limit(limit));
  return rows.map(({ id, changedAt, ...positions }) => ({
    channel: id === null ? userChannel(userId) : channelOf(id),
    changedAt: changedAt.getTime(),
    ...positions,
  }));
}

function selectMemberships(tx: Transaction, userId: string, conversationId?: string) {
  return tx
    .select({
      id: conversations.id,
      seq: conversations.lastSeq,
      changedAt: conversations.lastEventAt,
      joinedSeq: conversationMembers.joinedSeq,
      visibleFrom: conversationMembers.visibleFrom,
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
  visibleFrom: number;
}): Membership {
  const { id, changedAt, ...positions } = row;
  return { channel: channelOf(id), changedAt: changedAt.getTime(), ...positions };
}

async function selectChannels(
  tx: Transaction,
  userIds: string[],
): Promise<{ userId: string; ids: string[] }[]> {
  return await tx
    .select({
      userId: conversationMembers.userId,
      ids: sql<string[]>`array_agg(${conversationMembers.conversationId}::text)`,
    })
    .from(conversationMembers)
    .where(and(inArray(conversationMembers.userId, userIds), isNull(conversationMembers.leftSeq)))
    .groupBy(conversationMembers.userId);
}
