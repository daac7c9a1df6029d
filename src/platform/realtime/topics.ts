import type { TSchema } from "@sinclair/typebox/type";

import { AppError, NotFound } from "../errors.ts";
import type { Keys } from "../keys.ts";
import type { Log } from "../log.ts";
import type { Redis } from "../redis.ts";
import type { Bus } from "./bus.ts";
import { createConflation, type TopicValue } from "./conflation.ts";
import type { Connection } from "./connection.ts";
import { type FrameHandlers, onFrame } from "./dispatch.ts";
import type { Hub } from "./hub.ts";
import { MAX_TOPICS_PER_SOCKET } from "./limits.ts";
import type { SocketPart } from "./part.ts";
import {
  TooManyTopics,
  TOPIC_FRAMES,
  type TopicsEnded,
  type TopicsFollowed,
} from "./topic_frames.ts";
import { decodeTopicValue, readTopicValues } from "./topic_values.ts";

/** One family of topics, `prefix:name`, that sockets follow by asking for it. A feature provides it. */
export interface TopicKind {
  /** Of each value only the latest matters: a socket that cannot follow gets the next one. */
  mode: "latest";
  /** What a value looks like, for readers of the protocol. */
  data: TSchema;
  /** What may stand behind the prefix. */
  name: RegExp;
  /** Asked when a socket comes, and again whenever it shows a newer token. */
  authorise: (viewer: Pick<Connection, "userId" | "sessionId">, name: string) => Promise<boolean>;
}

export type TopicKinds = Record<string, TopicKind>;

/** Brings the values of topics to the sockets of this node that follow them. */
export interface Topics extends SocketPart {
  handlers: FrameHandlers;
  /** Topics that this node follows at present. */
  count(): number;
  close(): void;
}

export interface TopicsOptions {
  kinds: TopicKinds;
  redis: Redis;
  keys: Keys;
  bus: Bus;
  /** Brings what the bus delivers for the topics of one kind. */
  route: Hub["route"];
  /** Sends to every local socket that follows the topic. */
  publish: (topic: string, frame: string) => void;
  log: Log;
  /** How long a topic is still followed after the last of its sockets. */
  releaseDelayMs?: number;
}

/** A board that ticks faster than this cannot be read. */
export const TOPIC_INTERVAL_MS = 250;
/** A socket that reconnects, or a reader who turns a page back, finds the topic still followed. */
const RELEASE_DELAY_MS = 10_000;

/** A topic that a local socket follows, or did a moment ago. */
interface Topic {
  followers: Set<Connection>;
  /** Resolves once the bus delivers its values and what it held before was read. */
  ready: Promise<void>;
  releaseTimer: Timer | undefined;
}

export function createTopics(options: TopicsOptions): Topics {
  const { bus, kinds, log, releaseDelayMs = RELEASE_DELAY_MS } = options;
  const topics = new Map<string, Topic>();
  const followed = new Map<Connection, Set<string>>();
  /** Sockets that closed, for those of their frames that are still being handled. */
  const gone = new WeakSet<Connection>();
  const conflation = createConflation({
    intervalMs: TOPIC_INTERVAL_MS,
    emit: (name, value) => options.publish(name, topicFrame(name, value)),
  });

  async function isAllowed(connection: Connection, topic: string): Promise<boolean> {
    const [, prefix = "", name = ""] = /^([a-z]+):(.+)$/s.exec(topic) ?? [];
    const kind = Object.hasOwn(kinds, prefix) ? kinds[prefix] : undefined;
    return kind !== undefined && kind.name.test(name) && (await kind.authorise(connection, name));
  }
  async function load(names: string[]): Promise<void> {
    for (const [name, value] of await readTopicValues(options, names))
      if (topics.has(name)) conflation.offer(name, value);
  }
  /** What the topic held is read after the bus began to deliver, so that nothing falls between the two. */
  function open(names: string[]): void {
    const ready = bus.subscribe(names).then(() => load(names));
    // Whoever waits for it hears of a failure; where nobody does any more, it is nobody's.
    ready.catch(() => undefined);
    for (const name of names)
      topics.set(name, { followers: new Set(), ready, releaseTimer: undefined });
  }
  function drop(name: string): void {
    clearTimeout(topics.get(name)?.releaseTimer);
    topics.delete(name);
    conflation.forget(name);
    void bus.unsubscribe([name]);
  }
  function unfollow(connection: Connection, name: string): void {
    const topic = topics.get(name);
    if (!followed.get(connection)?.delete(name) || !topic) return;
    connection.leave(name);
    topic.followers.delete(connection);
    if (topic.followers.size > 0) return;
    topic.releaseTimer = setTimeout(() => drop(name), releaseDelayMs);
  }
  function detach(connection: Connection): void {
    gone.add(connection);
    for (const name of followed.get(connection) ?? []) unfollow(connection, name);
    followed.delete(connection);
  }

  async function follow(connection: Connection, names: string[]): Promise<void> {
    const mine = followed.get(connection) ?? new Set();
    followed.set(connection, mine);
    const fresh = names.filter((name) => !topics.has(name));
    if (fresh.length > 0) open(fresh);
    for (const name of names) {
      const topic = topics.get(name);
      clearTimeout(topic?.releaseTimer);
      topic?.followers.add(connection);
      mine.add(name);
    }
    try {
      await Promise.all(names.map(async (name) => await topics.get(name)?.ready));
    } catch (error) {
      for (const name of names) unfollow(connection, name);
      // Nobody is to wait for the same failure again.
      for (const name of names) if (topics.get(name)?.followers.size === 0) drop(name);
      throw error;
    }
  }
  async function subscribe(
    frame: typeof TOPIC_FRAMES.sub.static,
    connection: Connection,
  ): Promise<TopicsFollowed | undefined> {
    const names = [...new Set(frame.ch)];
    const fresh = names.filter((name) => !followed.get(connection)?.has(name));
    if ((followed.get(connection)?.size ?? 0) + fresh.length > MAX_TOPICS_PER_SOCKET)
      throw new AppError(TooManyTopics, "Cannot follow more topics");
    const allowed = await Promise.all(fresh.map((name) => isAllowed(connection, name)));
    if (allowed.includes(false)) throw new AppError(NotFound, "Cannot follow a topic");
    if (gone.has(connection)) return undefined;
    await follow(connection, fresh);
    if (gone.has(connection)) return undefined;
    // From here to the answer nothing else runs, so that the first frame of a topic follows its value in the answer.
    for (const name of fresh) connection.join(name);
    const values = names.map((name) => [name, valueOf(conflation.latest(name))] as const);
    return { t: "sub.ok", ...numberOf(frame), ch: Object.fromEntries(values) };
  }

  for (const prefix of Object.keys(kinds))
    options.route(prefix, (name, text) => {
      const value = topics.has(name) ? decodeTopicValue(text) : undefined;
      if (value) conflation.offer(name, value);
    });
  bus.onRecovered(() => {
    load([...topics.keys()]).catch((error: unknown) =>
      log.warn("cannot read the values of topics", { error }),
    );
  });

  return {
    handlers: {
      sub: onFrame(TOPIC_FRAMES.sub, subscribe),
      unsub: onFrame(TOPIC_FRAMES.unsub, async (frame, connection) => {
        for (const name of frame.ch) unfollow(connection, name);
        return { t: "unsub.ok", ...numberOf(frame) };
      }),
    },
    renew: async (connection) => {
      const ended: string[] = [];
      for (const name of followed.get(connection) ?? [])
        if (!(await isAllowed(connection, name))) ended.push(name);
      for (const name of ended) unfollow(connection, name);
      if (ended.length > 0 && !gone.has(connection))
        connection.send(JSON.stringify({ t: "sub.end", ch: ended } satisfies TopicsEnded));
    },
    detach,
    count: () => topics.size,
    close: () => {
      conflation.close();
      for (const { releaseTimer } of topics.values()) clearTimeout(releaseTimer);
    },
  };
}

/** The data is passed on as it came, neither parsed nor written anew. */
function topicFrame(topic: string, { version, json }: TopicValue): string {
  return `{"t":"top","ch":${JSON.stringify(topic)},"d":${json},"ts":${timeOf(version)}}`;
}

function valueOf(value: TopicValue | undefined): { d: unknown; ts: number } | null {
  return value ? { d: JSON.parse(value.json) as unknown, ts: timeOf(value.version) } : null;
}

function timeOf(version: number): number {
  return Math.floor(version / 1_000);
}

function numberOf({ i }: { i?: number | undefined }): { i?: number } {
  return i === undefined ? {} : { i };
}
