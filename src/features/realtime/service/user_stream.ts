import { and, asc, eq, gt, inArray, sql } from "drizzle-orm";

import type { Transaction } from "../../../platform/database.ts";
import { eventPublication, type Publication } from "../../../platform/outbox.ts";
import type { Platform } from "../../../platform/platform.ts";
import {
  type ChannelEvent,
  type ChannelSource,
  type Range,
  userChannel,
} from "../../../platform/realtime/source.ts";
import type { UserEventKind } from "../../../platform/realtime/user_events.ts";
import { userEvents, userStreams } from "../tables.ts";

/** Something that a user is to be told on all their devices. */
export interface NewUserEvent<K extends UserEventKind = UserEventKind> {
  userId: string;
  kind: K;
  data: K["data"]["static"];
}

type Row = Pick<typeof userEvents.$inferSelect, "seq" | "kind" | "data" | "createdAt">;

const SYSTEM = { role: "system" } as const;
const READ = { read: true } as const;
/** How a client calls its user's own channel. */
const OWN = "u";

/** The event, typed by its kind, so that several kinds may stand in one list. */
export function userEvent<K extends UserEventKind>(
  userId: string,
  kind: K,
  data: K["data"]["static"],
): NewUserEvent {
  return { userId, kind, data };
}

/**
 * Takes the next position in the stream of each user, under the lock of its row, and writes the events and their outbox
 * rows. It comes last in a transaction: others wait for these locks. What it answers is published after the commit.
 * @throws Error for data that does not fit its kind, and for two events of one user, which are two calls.
 */
export async function appendUserEvents(
  tx: Transaction,
  events: NewUserEvent[],
  now: Date,
): Promise<Publication[]> {
  if (events.length === 0) return [];
  for (const { kind, data } of events)
    if (!kind.check(data)) throw new Error(`Cannot append "${kind.name}": its data does not fit`);
  const rows = events.map((event) => ({ ...event, outboxId: Bun.randomUUIDv7() }));
  if (new Set(events.map(({ userId }) => userId)).size < events.length)
    throw new Error("Cannot append user events: one user is named twice");
  const input = JSON.stringify(
    rows.map(({ userId, kind, data, outboxId }) => ({ userId, kind: kind.name, data, outboxId })),
  );
  // Everybody locks the streams in the order of the ids, so nobody waits for somebody who waits for them.
  const taken = await tx.execute<{ user_id: string; last_seq: string }>(sql`
    with input as (
      select * from jsonb_to_recordset(${input}::jsonb)
        as input("userId" uuid, kind text, data jsonb, "outboxId" uuid)
    ), streams as (
      insert into app.user_streams as stream (user_id, last_seq)
      select "userId", 1 from input order by "userId"
      on conflict (user_id) do update set last_seq = stream.last_seq + 1
      returning user_id, last_seq
    ), events as (
      insert into app.user_events (user_id, seq, kind, data, created_at)
      select "userId", last_seq, kind, data, ${now.toISOString()}::timestamptz
      from input join streams on user_id = "userId"
    ), outbox as (
      insert into app.bus_outbox (id, channel, seq)
      select "outboxId", 'u:' || user_id, last_seq from input join streams on user_id = "userId"
    )
    select user_id, last_seq from streams`);
  const positions = new Map(taken.map((row) => [row.user_id, Number(row.last_seq)]));
  return rows.map(({ userId, kind, data, outboxId }) => {
    const row = { seq: positions.get(userId) ?? 0, kind: kind.name, data, createdAt: now };
    return eventPublication(outboxId, userChannel(userId), toEvent(row));
  });
}

function toEvent({ seq, kind, data, createdAt }: Row): ChannelEvent {
  const frame = { t: "ev", ch: OWN, seq, k: kind, d: data, ts: createdAt.getTime() };
  return { seq, frame: JSON.stringify(frame) };
}

async function selectEvents(
  tx: Transaction,
  userId: string,
  { after, limit }: { after: number; limit: number },
): Promise<ChannelEvent[]> {
  const { seq, kind, data, createdAt } = userEvents;
  const rows = await tx
    .select({ seq, kind, data, createdAt })
    .from(userEvents)
    .where(and(eq(userEvents.userId, userId), gt(seq, after)))
    .orderBy(asc(seq))
    .limit(limit);
  return rows.map(toEvent);
}

async function selectTops(tx: Transaction, userIds: string[]): Promise<Map<string, number>> {
  const rows = await tx.select().from(userStreams).where(inArray(userStreams.userId, userIds));
  return new Map(rows.map(({ userId, lastSeq }) => [userChannel(userId), lastSeq]));
}

/** What a user was told behind a position, and where their stream stands, in one statement. */
async function selectRange(tx: Transaction, userId: string, { after, limit }: Range) {
  const { seq, kind, data, createdAt } = userEvents;
  const rows = await tx
    .select({ top: userStreams.lastSeq, event: { seq, kind, data, createdAt } })
    .from(userStreams)
    .leftJoin(userEvents, and(eq(userEvents.userId, userStreams.userId), gt(seq, after)))
    .where(eq(userStreams.userId, userId))
    .orderBy(asc(seq))
    .limit(limit);
  const events = rows.flatMap(({ event }) => (event ? [toEvent(event)] : []));
  return { from: after, events, top: rows[0]?.top ?? 0 };
}

/** Each user's own channel, as the hub sees it. */
export function createUserStreamSource({ db }: Pick<Platform, "db">): ChannelSource {
  return {
    // It is among those that the conversations' source lists, so that a hello is one statement.
    listMemberships: async () => [],
    findMembership: async (userId, channel) => {
      if (channel !== userChannel(userId)) return undefined;
      const tops = await db.run(SYSTEM, (tx) => selectTops(tx, [userId]), READ);
      return { channel, seq: tops.get(channel) ?? 0, changedAt: 0, joinedSeq: 1, visibleFrom: 1 };
    },
    // Nobody comes into it or leaves it.
    listChannels: async () => new Map(),
    listEvents: (channel, range) =>
      db.run(SYSTEM, (tx) => selectEvents(tx, ownerOf(channel), range), READ),
    readRanges: (userId, ranges) =>
      Promise.all(
        ranges.map(async (range) =>
          range.channel === userChannel(userId)
            ? await db.run(SYSTEM, (tx) => selectRange(tx, userId, range), READ)
            : undefined,
        ),
      ),
    listTops: (channels) => db.run(SYSTEM, (tx) => selectTops(tx, channels.map(ownerOf)), READ),
    // Whatever stands in it is its user's to see.
    conceal: (_, frame) => frame,
  };
}

function ownerOf(channel: string): string {
  return channel.slice(2);
}
