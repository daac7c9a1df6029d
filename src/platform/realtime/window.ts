import type { Keys } from "../keys.ts";
import type { Redis, RedisClient } from "../redis.ts";
import { type ChannelEvent, decodeEvent, type Range } from "./source.ts";

/**
 * The newest events of each channel in Redis, written beside their publication, so that a storm of reconnects and the
 * repair of a node ask Postgres for nothing. It may lack any of them: who reads it checks that none is missing.
 *
 * A sorted set and no stream, because instances publish after their commits and so not always in order.
 */
export interface Window {
  /** Adds what is among these texts an event with a position, in front of what the caller sends after it. */
  write(client: RedisClient, channel: string, texts: string[]): void;
  /** For each range the events that are there, in order, perhaps with gaps; nothing of all of them while Redis is away. */
  read(ranges: Range[]): Promise<ChannelEvent[][]>;
  /** Writes nothing while Redis is short of memory, which others need more. Asked for now and then. */
  checkRoom(): Promise<void>;
}

export interface WindowOptions {
  redis: Redis;
  keys: Keys;
}

const WINDOW_EVENTS = 300;
const WINDOW_TTL_S = 600;
/** Positions between two trims, so that not every event costs one. */
const TRIM_EVERY = 32;
/** Longer texts are left to Postgres, so that 300 of them stay small beside what Redis has. */
const MAX_TEXT_LENGTH = 4_096;
/** Beyond this part of `maxmemory` the window is the first to give way. */
const ROOM = 0.5;

export function createWindow({ redis, keys }: WindowOptions): Window {
  let hasRoom = true;

  function send(work: Promise<unknown>): void {
    // What is missing is read from Postgres, so nobody waits for this or hears that it failed.
    work.catch(() => undefined);
  }
  return {
    write: (client, channel, texts) => {
      const entries = hasRoom ? texts.flatMap(entryOf) : [];
      const key = keys.window(channel);
      const newest = entries.at(-1);
      if (newest) send(client.zAdd(key, entries));
      for (const erased of texts.flatMap(erasureOf))
        send(client.zRemRangeByScore(key, erased, erased));
      if (!newest) return;
      const isDue = entries.some(({ score }) => score % TRIM_EVERY === 0);
      const oldest = newest.score - WINDOW_EVENTS + TRIM_EVERY;
      if (isDue && oldest > 0) send(client.zRemRangeByScore(key, "-inf", oldest));
      send(client.expire(key, WINDOW_TTL_S));
    },
    read: async (ranges) => {
      try {
        const found = await redis.run("read what was said last", (client) =>
          Promise.all(
            ranges.map(({ channel, after, limit }) =>
              client.zRange(keys.window(channel), after + 1, "+inf", {
                BY: "SCORE",
                LIMIT: { offset: 0, count: limit },
              }),
            ),
          ),
        );
        return found.map(toEvents);
      } catch {
        return ranges.map(() => []);
      }
    },
    checkRoom: async () => {
      const nodes = await redis.everywhere("ask Redis for its memory", (client) =>
        client.info("memory"),
      );
      hasRoom = nodes.every((info) => {
        const used = Number(/used_memory:(\d+)/.exec(info)?.[1] ?? 0);
        const most = Number(/maxmemory:(\d+)/.exec(info)?.[1] ?? 0);
        return most === 0 || used < most * ROOM;
      });
    },
  };
}

function entryOf(text: string): { score: number; value: string }[] {
  const score = Number.parseInt(text, 10);
  return Number.isNaN(score) || text.length > MAX_TEXT_LENGTH ? [] : [{ score, value: text }];
}

function erasureOf(text: string): number[] {
  const match = /^\d+\|~(\d+)\|/.exec(text);
  return match ? [Number(match[1])] : [];
}

/** One event a position, and none that another one erases: it may have been written after that one. */
function toEvents(texts: string[]): ChannelEvent[] {
  const events = texts.flatMap((text) => decodeEvent(text) ?? []);
  const bySeq = new Map(events.map((event) => [event.seq, event]));
  for (const { erases } of events) if (erases !== undefined) bySeq.delete(erases);
  return [...bySeq.values()];
}

/** The first of these events that follow `after` without a gap. */
export function withoutGap(events: ChannelEvent[], after: number): ChannelEvent[] {
  const end = events.findIndex((event, at) => event.seq !== after + 1 + at);
  return end === -1 ? events : events.slice(0, end);
}
