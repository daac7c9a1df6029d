import { AppError, DependencyUnavailable } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Bus, BusMessage } from "./bus.ts";
import { type Channel, createChannels } from "./channels.ts";
import { startChecks } from "./checks.ts";
import { CloseCode, type Connection, type Session } from "./connection.ts";
import { createJoining } from "./joining.ts";
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
import { createTurns } from "./turns.ts";
import { tellMembers } from "./veil.ts";
import type { Window } from "./window.ts";

/** Brings what happens in a channel, on whichever instance, to the sockets of this one: in order, to members only. */
export interface Hub {
  /**
   * Puts the socket into all channels of its user and answers their positions: what comes behind them reaches it.
   * @param greet runs in the same tick, so that its frame precedes the first event.
   * @throws AppError dependency_unavailable while this node cannot know who has left.
   */
  attach(connection: Connection, greet: Greet): Promise<void>;
  detach(connection: Connection): void;
  /** Takes a message that the bus has delivered or that this node itself has just published. */
  receive(message: BusMessage): void;
  /** From now on all texts of the channels `<kind>:…` go to this receiver, and none of them is an event. */
  route(kind: string, receive: Receiver): void;
  /** Hands on each text that was made by `encodeNote`, of any channel that a local socket is in. */
  onNote(receive: Receiver): void;
  /** Calls back for each socket that comes into a channel. */
  onEnter(listener: EnterListener): void;
  /** Position of the channel, if the socket is in it. */
  positionOf(connection: Connection, channel: string): number | undefined;
  /** What this node has of a channel that the socket is in; undefined where it is not in it. */
  standingOf(connection: Connection, channel: string): Standing | undefined;
  /** The local sockets in the channel. */
  membersOf(channel: string): ReadonlySet<Connection>;
  /** The local sockets of the user. */
  socketsOf(userId: string): ReadonlySet<Connection>;
  /** What is held at the moment; all of it is nothing when everybody has gone and their channels are released. */
  gauges(): HubGauges;
  close(): void;
}

/** @param ownSeq position in the user's own channel. */
export type Greet = (memberships: AttachedMembership[], ownSeq: number) => void;

export type EnterListener = (connection: Connection, channel: string) => void;

export type Receiver = (channel: string, text: string) => void;

export interface AttachedMembership extends Membership {
  /** Last position that the socket need not wait for. */
  seq: number;
}

/** Where a socket stands in a channel. */
export interface Standing {
  /** Last position that was sent to the channel's sockets here. */
  last: number;
  /** First position that its user may see. */
  visibleFrom: number;
  /** The events behind a position up to the last one, or undefined when they are not all at hand. */
  since: (position: number) => ChannelEvent[] | undefined;
}

/** `held` are events ahead of their turn, `size` is what events take in UTF-16 units; the rest are counts. */
export interface HubGauges {
  users: number;
  sockets: number;
  readings: number;
  channels: number;
  held: number;
  size: number;
  timers: number;
  subscriptions: number;
}

export interface HubOptions {
  bus: Bus;
  source: ChannelSource;
  window: Pick<Window, "read">;
  /** Sends to every local socket in the channel. */
  publish: (channel: string, frame: string) => void;
  /** Sends what `publish` has kept for a moment; whoever comes in now does not get it, and whoever leaves does. */
  flush?: () => void;
  /** Whether the session still lives; asked once its end would reach the socket. */
  isAlive: (session: Session) => Promise<boolean>;
  /** The same of many at once, from where sessions are kept: those that live. */
  listAlive: (sessions: Session[]) => Promise<Set<string>>;
  log: Log;
  releaseDelayMs?: number;
}

const NOBODY: ReadonlySet<Connection> = new Set();

export function createHub(options: HubOptions): Hub {
  const { bus, source, log } = options;
  const users = new Map<string, Set<Connection>>();
  const inside = new Map<Connection, Set<Channel>>();
  const turns = createTurns();
  const routes = new Map<string, Receiver>();
  const noteReceivers: Receiver[] = [];
  const enterListeners: EnterListener[] = [];
  const channels = createChannels({
    ...options,
    emit,
    onRepairFailed: (channel, error) => log.warn("cannot repair a channel", { channel, error }),
  });
  const socketsOf = (userId: string) => users.get(userId) ?? NOBODY;
  const joinChannel = createJoining({ source, channels, turns, socketsOf, addTo });

  function emit(channel: Channel, event: ChannelEvent): void {
    tellMembers(channel, event, options);
    if (event.leaver === undefined) return;
    options.flush?.();
    turns.disturb(event.leaver);
    expel(channel, event.leaver);
  }
  function addTo(channel: Channel, connection: Connection, { visibleFrom }: Membership): void {
    options.flush?.();
    channel.members.add(connection);
    if (visibleFrom > 1) channel.floors.set(connection.userId, visibleFrom);
    else channel.floors.delete(connection.userId);
    inside.get(connection)?.add(channel);
    connection.join(channel.name);
    for (const listener of enterListeners) listener(connection, channel.name);
  }
  function expel(channel: Channel, userId: string): void {
    channel.floors.delete(userId);
    for (const connection of socketsOf(userId)) {
      if (!channel.members.delete(connection)) continue;
      connection.leave(channel.name);
      inside.get(connection)?.delete(channel);
    }
    channels.release(channel.name);
  }

  /** One statement: what came between it and the subscription is in the window, or is found by the next check. */
  async function readMemberships(userId: string): Promise<Membership[]> {
    const found = await source.listMemberships(userId, MAX_CHANNELS_PER_USER);
    const own = userChannel(userId);
    const memberships = found.some(({ channel }) => channel === own)
      ? found
      : [{ channel: own, seq: 0, changedAt: 0, joinedSeq: 1, visibleFrom: 1 }, ...found];
    await channels.followFrom(memberships);
    for (const { channel, seq } of memberships) channels.place(channel, seq);
    return memberships;
  }

  async function attach(connection: Connection, greet: Greet): Promise<void> {
    const { userId } = connection;
    if (!checks.isTrusted())
      throw new AppError(DependencyUnavailable, "Cannot attach a socket: the bus is deaf");
    const names = new Set([userChannel(userId)]);
    try {
      await channels.follow([...names]);
      await turns.settled(
        userId,
        async () => {
          const memberships = await readMemberships(userId);
          for (const { channel } of memberships) names.add(channel);
          return memberships;
        },
        (memberships) => admit(connection, memberships, greet),
      );
      // It may have ended after its token was looked at, and before this node began to hear of it.
      if (!(await options.isAlive(connection))) endSession(connection);
    } finally {
      // A channel that nobody came into after all is forgotten again.
      for (const name of names) channels.release(name);
    }
  }
  function admit(connection: Connection, memberships: Membership[], greet: Greet): void {
    const mine = users.get(connection.userId) ?? new Set();
    users.set(connection.userId, mine.add(connection));
    inside.set(connection, new Set());
    const [oldest] = mine;
    if (mine.size > MAX_SOCKETS_PER_USER) oldest?.close(CloseCode.replaced, "replaced");
    const entered = memberships.map((membership) => ({
      ...membership,
      seq: enter(connection, membership),
    }));
    const own = entered.find(({ channel }) => isUserChannel(channel));
    greet(
      entered.filter((membership) => membership !== own),
      own?.seq ?? 0,
    );
  }
  function enter(connection: Connection, membership: Membership): number {
    const channel = channels.get(membership.channel);
    if (!channel) return membership.seq;
    addTo(channel, connection, membership);
    return channel.sequencer.last ?? membership.seq;
  }

  function receiveControl(userId: string, text: string): void {
    const control = decodeControl(text);
    if (control?.op === "join") {
      turns.disturb(userId);
      joinChannel(userId, control.channel).catch((error: unknown) =>
        log.warn("cannot bring a user into a channel", { error }),
      );
    }
    if (control?.op === "end")
      for (const connection of socketsOf(userId))
        if (connection.sessionId === control.sessionId) endSession(connection);
    if (control?.op === "renew")
      for (const connection of socketsOf(userId))
        connection.close(CloseCode.restart, "rights_changed");
  }
  function channelsOf(userId: string): Set<Channel> {
    return new Set(
      [...socketsOf(userId)].flatMap((connection) => [...(inside.get(connection) ?? [])]),
    );
  }
  /** `u` is how a client calls its own channel. */
  function find(connection: Connection, name: string): Channel | undefined {
    const channel = channels.get(name === "u" ? userChannel(connection.userId) : name);
    return channel?.members.has(connection) ? channel : undefined;
  }

  const checks = startChecks({
    ...options,
    channels,
    users,
    turns,
    joinChannel,
    expel,
    channelsOf,
  });
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
      if (note !== undefined) for (const receiver of noteReceivers) receiver(channel, note);
      else if (isUserChannel(channel)) receiveControl(channel.slice(2), text);
    },
    route: (kind, receive) => void routes.set(kind, receive),
    onNote: (receive) => void noteReceivers.push(receive),
    onEnter: (listener) => void enterListeners.push(listener),
    positionOf: (connection, name) => find(connection, name)?.sequencer.last,
    standingOf: (connection, name) => {
      const channel = find(connection, name);
      if (channel?.sequencer.last === undefined) return undefined;
      return {
        last: channel.sequencer.last,
        visibleFrom: channel.floors.get(connection.userId) ?? 1,
        since: (position) => channel.sequencer.since(position),
      };
    },
    membersOf: (name) => channels.get(name)?.members ?? NOBODY,
    socketsOf,
    gauges: () => ({
      users: users.size,
      sockets: inside.size,
      readings: turns.size,
      ...channels.gauges(),
      subscriptions: bus.subscriptions(),
    }),
    close: () => {
      checks.stop();
      channels.close();
    },
  };
}

function endSession(connection: Connection): void {
  connection.close(CloseCode.sessionEnded, "session_revoked");
}
