import type { Log } from "../log.ts";
import type { Bus, BusMessage } from "./bus.ts";
import { type Channel, createChannels } from "./channels.ts";
import { startChecks } from "./checks.ts";
import { CloseCode, type Connection } from "./connection.ts";
import { MAX_CHANNELS_PER_USER, MAX_SOCKETS_PER_USER } from "./limits.ts";
import {
  type ChannelEvent,
  type ChannelSource,
  decodeControl,
  decodeEvent,
  decodeNote,
  isUserChannel,
  type Membership,
  userChannel,
} from "./source.ts";

/** Brings what happens in a channel, on whichever instance, to the sockets of this one: in order, to members only. */
export interface Hub {
  /**
   * Puts the socket into all channels of its user and answers their positions: what comes behind them reaches it.
   * @param greet runs in the same tick, so that its frame precedes the first event.
   */
  attach(connection: Connection, greet: Greet): Promise<void>;
  detach(connection: Connection): void;
  /** Takes a message that the bus has delivered or that this node itself has just published. */
  receive(message: BusMessage): void;
  /** From now on all texts of the channels `<kind>:…` go to this receiver, and none of them is an event. */
  route(kind: string, receive: Receiver): void;
  /** Hands on each text that was made by `encodeNote`, of any channel that a local socket is in. */
  onNote(receive: Receiver): void;
  /** Position of the channel, if the socket is in it. */
  positionOf(connection: Connection, channel: string): number | undefined;
  /** The local sockets in the channel. */
  membersOf(channel: string): ReadonlySet<Connection>;
  /** The local sockets of the user. */
  socketsOf(userId: string): ReadonlySet<Connection>;
  close(): void;
}

/** @param ownSeq position in the user's own channel. */
export type Greet = (memberships: AttachedMembership[], ownSeq: number) => void;

export type Receiver = (channel: string, text: string) => void;

export interface AttachedMembership extends Membership {
  /** Last position that the socket need not wait for. */
  seq: number;
}

export interface HubOptions {
  bus: Bus;
  source: ChannelSource;
  /** Sends to every local socket in the channel. */
  publish: (channel: string, frame: string) => void;
  /** Whether the session still lives; asked once its end would reach the socket, and after the bus was away. */
  isAlive: (session: { userId: string; sessionId: string }) => Promise<boolean>;
  log: Log;
}

/** Each turn re-reads what changed during the last one; more turns than this mean that something is wrong. */
const MAX_TURNS = 8;
const BACKLOG_PAGE = 500;
const NOBODY: ReadonlySet<Connection> = new Set();

/** Noted while memberships are being read: the user came or went, so what was read may be out of date. */
interface Turn {
  stale: boolean;
}

export function createHub(options: HubOptions): Hub {
  const { bus, source, log } = options;
  const users = new Map<string, Set<Connection>>();
  const inside = new Map<Connection, Set<Channel>>();
  const turns = new Map<string, Set<Turn>>();
  const routes = new Map<string, Receiver>();
  const noteReceivers: Receiver[] = [];
  const channels = createChannels({
    bus,
    source,
    emit,
    onRepairFailed: (channel, error) => log.warn("cannot repair a channel", { channel, error }),
  });

  function emit(channel: Channel, event: ChannelEvent): void {
    options.publish(channel.name, event.frame);
    if (event.leaver === undefined) return;
    markStale(event.leaver);
    for (const connection of channel.members)
      if (connection.userId === event.leaver) removeFrom(channel, connection);
  }
  function addTo(channel: Channel, connection: Connection): void {
    channel.members.add(connection);
    inside.get(connection)?.add(channel);
    connection.join(channel.name);
  }
  function removeFrom(channel: Channel, connection: Connection): void {
    connection.leave(channel.name);
    channel.members.delete(connection);
    inside.get(connection)?.delete(channel);
    channels.release(channel.name);
  }
  function markStale(userId: string): void {
    for (const turn of turns.get(userId) ?? []) turn.stale = true;
  }

  /** Repeats `read` until the user neither came nor went while it ran, then runs `act` in the same tick. */
  async function settled<T>(
    userId: string,
    read: () => Promise<T>,
    act: (value: T) => void,
  ): Promise<void> {
    const turn: Turn = { stale: false };
    const mine = turns.get(userId) ?? new Set();
    turns.set(userId, mine.add(turn));
    try {
      for (let count = 0; count < MAX_TURNS; count += 1) {
        turn.stale = false;
        const value = await read();
        if (!turn.stale) return act(value);
      }
      throw new Error("Cannot attach a socket: its memberships change faster than they are read");
    } finally {
      mine.delete(turn);
      if (mine.size === 0) turns.delete(userId);
    }
  }

  async function readMemberships(userId: string): Promise<Membership[]> {
    const before = await source.listMemberships(userId, MAX_CHANNELS_PER_USER);
    const fresh = before.filter(({ channel }) => !channels.get(channel));
    await channels.follow(before.map(({ channel }) => channel));
    // A position counts only when it was read after the bus had begun to deliver.
    if (fresh.length === 0) return before;
    const after = await source.listMemberships(userId, MAX_CHANNELS_PER_USER);
    return after.filter(({ channel }) => channels.get(channel));
  }

  async function attach(connection: Connection, greet: Greet): Promise<void> {
    const { userId } = connection;
    try {
      await channels.follow([userChannel(userId)]);
      await settled(
        userId,
        () => readMemberships(userId),
        (memberships) => {
          const own = userChannel(userId);
          const ownSeq = addUser(
            connection,
            memberships.find(({ channel }) => channel === own),
          );
          const others = memberships.filter(({ channel }) => channel !== own);
          const entered = others.map((membership) => ({
            ...membership,
            seq: enter(connection, membership),
          }));
          greet(entered, ownSeq);
        },
      );
      // It may have ended after its token was looked at, and before this node began to hear of it.
      if (!(await options.isAlive(connection))) endSession(connection);
    } catch (error) {
      for (const name of channels.names()) channels.release(name);
      throw error;
    }
  }
  function enter(connection: Connection, membership: Membership): number {
    const channel = channels.get(membership.channel);
    if (!channel) return membership.seq;
    channel.sequencer.place(membership.seq);
    addTo(channel, connection);
    return channel.sequencer.last ?? membership.seq;
  }
  /** @returns the position in the user's own channel, whose events begin at 1 even where there were none so far. */
  function addUser(connection: Connection, own: Membership | undefined): number {
    const mine = users.get(connection.userId) ?? new Set();
    users.set(connection.userId, mine.add(connection));
    inside.set(connection, new Set());
    const [oldest] = mine;
    if (mine.size > MAX_SOCKETS_PER_USER) oldest?.close(CloseCode.replaced, "replaced");
    const channel = userChannel(connection.userId);
    return enter(connection, own ?? { channel, seq: 0, changedAt: 0, joinedSeq: 1 });
  }

  /** Brings all sockets of a user into a channel that the user has just come into. */
  async function joinChannel(userId: string, name: string): Promise<void> {
    if (outsiders(userId, name).length === 0) return;
    await channels.follow([name]);
    await settled(
      userId,
      () => readBacklog(userId, name),
      (backlog) => {
        const channel = channels.get(name);
        const rest = channel?.sequencer.since(backlog?.upTo ?? 0);
        if (!channel || !backlog || !rest) return channels.release(name);
        for (const connection of outsiders(userId, name)) {
          for (const event of [...backlog.events, ...rest]) connection.send(event.frame);
          addTo(channel, connection);
        }
      },
    );
  }
  function outsiders(userId: string, name: string): Connection[] {
    const members = channels.get(name)?.members;
    return [...(users.get(userId) ?? [])].filter((connection) => !members?.has(connection));
  }
  /** What happened since the user came in, read until the rest is at hand in memory. */
  async function readBacklog(
    userId: string,
    name: string,
  ): Promise<{ events: ChannelEvent[]; upTo: number } | undefined> {
    const membership = await source.findMembership(userId, name);
    const channel = channels.get(name);
    if (!membership || !channel) return undefined;
    channel.sequencer.place(membership.seq);
    const events: ChannelEvent[] = [];
    let upTo = membership.joinedSeq - 1;
    // A node that lags behind would otherwise hand on what happened before the user came.
    if ((channel.sequencer.last ?? 0) < upTo) await channels.repair(name);
    for (let count = 0; count < MAX_TURNS && !channel.sequencer.since(upTo); count += 1) {
      const page = await source.listEvents(name, { after: upTo, limit: BACKLOG_PAGE });
      events.push(...page);
      upTo = page.at(-1)?.seq ?? upTo;
    }
    return { events, upTo };
  }

  function receiveControl(userId: string, text: string): void {
    const control = decodeControl(text);
    if (control?.op === "join") {
      markStale(userId);
      joinChannel(userId, control.channel).catch((error: unknown) =>
        log.warn("cannot bring a user into a channel", { error }),
      );
    }
    if (control?.op === "end")
      for (const connection of users.get(userId) ?? [])
        if (connection.sessionId === control.sessionId) endSession(connection);
    if (control?.op === "renew")
      for (const connection of users.get(userId) ?? [])
        connection.close(CloseCode.restart, "rights_changed");
  }

  const stopChecking = startChecks({ ...options, channels, users, joinChannel });
  return {
    attach,
    detach: (connection) => {
      const mine = users.get(connection.userId);
      mine?.delete(connection);
      if (mine?.size === 0) users.delete(connection.userId);
      for (const channel of inside.get(connection) ?? []) {
        channel.members.delete(connection);
        channels.release(channel.name);
      }
      inside.delete(connection);
    },
    receive: ({ channel, text }) => {
      const routed = routes.get(channel.slice(0, channel.indexOf(":")));
      if (routed) return routed(channel, text);
      const event = decodeEvent(text);
      if (event) return channels.offer(channel, event);
      const note = decodeNote(text);
      if (note !== undefined) for (const listener of noteReceivers) listener(channel, note);
      else if (isUserChannel(channel)) receiveControl(channel.slice(2), text);
    },
    route: (kind, receive) => void routes.set(kind, receive),
    onNote: (receive) => void noteReceivers.push(receive),
    positionOf: (connection, name) => {
      const channel = channels.get(name);
      return channel?.members.has(connection) ? channel.sequencer.last : undefined;
    },
    membersOf: (name) => channels.get(name)?.members ?? NOBODY,
    socketsOf: (userId) => users.get(userId) ?? NOBODY,
    close: () => {
      stopChecking();
      channels.close();
    },
  };
}

function endSession(connection: Connection): void {
  connection.close(CloseCode.sessionEnded, "session_revoked");
}
