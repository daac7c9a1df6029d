import type { Bus } from "../../src/platform/realtime/bus.ts";
import type { Connection } from "../../src/platform/realtime/connection.ts";
import { createHub, type Hub, type HubOptions } from "../../src/platform/realtime/hub.ts";
import type {
  ChannelEvent,
  ChannelSource,
  Membership,
} from "../../src/platform/realtime/source.ts";
import { quietConnection } from "./connection.ts";
import { silentLog } from "./database.ts";

/** A bus that confirms everything and carries nothing, but for what a test puts in its place. */
export function quietBus(own: Partial<Bus> = {}): Bus {
  return {
    publish: async () => undefined,
    subscribe: async () => undefined,
    unsubscribe: async () => undefined,
    onMessage: () => undefined,
    onRecovered: () => undefined,
    onHeard: () => undefined,
    isReady: () => true,
    isHearing: () => true,
    subscriptions: () => 0,
    close: () => undefined,
    ...own,
  };
}

/** An event whose frame says no more than where it stands. */
export function eventAt(seq: number, marks: Partial<ChannelEvent> = {}): ChannelEvent {
  return { seq, frame: `{"seq":${seq}}`, ...marks };
}

/** What is committed, as a test has it: channels with their events, and who is in them. */
export interface Truth {
  events: Map<string, ChannelEvent[]>;
  members: Map<string, Omit<Membership, "seq">[]>;
}

/** A socket that notes what reaches it. */
export interface StageSocket {
  connection: Connection;
  /** Texts that it got, alone or with others, and `close <code>`. */
  got: string[];
}

export interface HubStage extends Disposable {
  hub: Hub;
  truth: Truth;
  /** Calls of the source so far, by name. */
  calls: string[];
  source: ChannelSource;
  append: (channel: string, event?: Partial<ChannelEvent>) => ChannelEvent;
  admit: (userId: string, channel: string, rest?: Partial<Membership>) => void;
  attach: (userId: string, sessionId?: string) => Promise<StageSocket>;
  /** From now on nothing can be read. */
  breakSource: () => { mend: () => void };
  /** Tells the hub that messages may have been lost. */
  recover: () => void;
}

/** A hub on a bus, a window and a source that are the test's own. */
export function openHubStage(own: Partial<HubOptions> = {}): HubStage {
  const truth: Truth = { events: new Map(), members: new Map() };
  const calls: string[] = [];
  const state = { isBroken: false };
  const note = (call: string) => {
    calls.push(call);
    if (state.isBroken) throw new Error("Cannot read: the database is away");
  };
  const source = createSource(truth, note);
  const sockets = new Set<StageSocket & { channels: Set<string> }>();
  const recoveries: (() => void)[] = [];
  const hub = createHub({
    bus: quietBus({ onRecovered: (listener) => void recoveries.push(listener) }),
    source,
    window: { read: async (ranges) => ranges.map(() => []) },
    publish: (channel, frame) => {
      for (const { channels, got } of sockets) if (channels.has(channel)) got.push(frame);
    },
    isAlive: async () => true,
    listAlive: async (sessions) => {
      note("listAlive");
      return new Set(sessions.map(({ sessionId }) => sessionId));
    },
    log: silentLog,
    ...own,
  });
  function newSocket(userId: string, sessionId: string) {
    const channels = new Set<string>();
    const got: string[] = [];
    const connection = quietConnection({
      id: Bun.randomUUIDv7(),
      userId,
      sessionId,
      send: (text) => void got.push(text),
      join: (channel) => void channels.add(channel),
      leave: (channel) => void channels.delete(channel),
      close: (code) => void got.push(`close ${code}`),
    });
    return { connection, channels, got };
  }
  return {
    hub,
    truth,
    calls,
    source,
    append: (channel, marks = {}) => {
      const events = truth.events.get(channel) ?? [];
      const event = eventAt(events.length + 1, marks);
      truth.events.set(channel, [...events, event]);
      return event;
    },
    admit: (userId, channel, rest = {}) => {
      const mine = truth.members.get(userId) ?? [];
      const membership = { channel, changedAt: 0, joinedSeq: 1, visibleFrom: 1, ...rest };
      truth.members.set(userId, [...mine, membership]);
    },
    attach: async (userId, sessionId = "session") => {
      const socket = newSocket(userId, sessionId);
      sockets.add(socket);
      await hub.attach(socket.connection, () => void socket.got.push("hello"));
      return socket;
    },
    breakSource: () => {
      state.isBroken = true;
      return { mend: () => void (state.isBroken = false) };
    },
    recover: () => {
      for (const listener of recoveries) listener();
    },
    [Symbol.dispose]: () => hub.close(),
  };
}

function createSource({ events, members }: Truth, note: (call: string) => void): ChannelSource {
  const topOf = (channel: string) => events.get(channel)?.length ?? 0;
  const behind = (channel: string, { after, limit }: { after: number; limit: number }) =>
    (events.get(channel) ?? []).slice(after, after + limit);
  const membershipsOf = (userId: string): Membership[] =>
    (members.get(userId) ?? []).map((each) => ({ seq: topOf(each.channel), ...each }));
  return {
    listMemberships: async (userId, limit) => {
      note("listMemberships");
      return membershipsOf(userId).slice(0, limit);
    },
    findMembership: async (userId, channel) => {
      note("findMembership");
      return membershipsOf(userId).find((each) => each.channel === channel);
    },
    listChannels: async (userIds) => {
      note("listChannels");
      const names = (userId: string) => membershipsOf(userId).map(({ channel }) => channel);
      return new Map(userIds.map((userId) => [userId, new Set(names(userId))]));
    },
    listEvents: async (channel, range) => {
      note("listEvents");
      return behind(channel, range);
    },
    readRanges: async (userId, ranges) => {
      note("readRanges");
      return ranges.map(({ channel, after, limit }) => {
        const mine = membershipsOf(userId).find((each) => each.channel === channel);
        if (!mine) return undefined;
        const from = Math.max(after, mine.visibleFrom - 1);
        return { from, events: behind(channel, { after: from, limit }), top: topOf(channel) };
      });
    },
    listTops: async (names) => {
      note("listTops");
      return new Map(names.map((name) => [name, topOf(name)]));
    },
    conceal: (_, frame) => frame.replace("}", ',"hidden":true}'),
  };
}
