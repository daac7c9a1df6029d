import type { Channel, Channels } from "./channels.ts";
import type { Connection } from "./connection.ts";
import type { ChannelEvent, ChannelSource, Membership } from "./source.ts";
import { MAX_TURNS, type Turns } from "./turns.ts";
import { veil } from "./veil.ts";

export interface JoiningOptions {
  source: ChannelSource;
  channels: Channels;
  turns: Turns;
  socketsOf: (userId: string) => ReadonlySet<Connection>;
  addTo: (channel: Channel, connection: Connection, membership: Membership) => void;
}

/** Brings all local sockets of a user into a channel that the user has come into. */
export type JoinChannel = (userId: string, name: string) => Promise<void>;

const BACKLOG_PAGE = 500;

interface Backlog {
  membership: Membership;
  events: ChannelEvent[];
  upTo: number;
}

export function createJoining(options: JoiningOptions): JoinChannel {
  const { source, channels, turns } = options;

  function outsiders(userId: string, name: string): Connection[] {
    const members = channels.get(name)?.members;
    return [...options.socketsOf(userId)].filter((connection) => !members?.has(connection));
  }
  /** What happened since the user came in, read until the rest is at hand in memory. */
  async function readBacklog(userId: string, name: string): Promise<Backlog | undefined> {
    const membership = await source.findMembership(userId, name);
    if (!membership) return undefined;
    await channels.followFrom([membership]);
    const events: ChannelEvent[] = [];
    let upTo = membership.joinedSeq - 1;
    // A node that lags behind would otherwise hand on what happened before the user came.
    if (lastOf(name) < upTo) await channels.repair(name, upTo);
    for (let count = 0; count < MAX_TURNS && !since(name, upTo); count += 1) {
      const page = await source.listEvents(name, { after: upTo, limit: BACKLOG_PAGE });
      events.push(...page);
      upTo = page.at(-1)?.seq ?? upTo;
    }
    return { membership, events, upTo };
  }
  function lastOf(name: string): number {
    return channels.get(name)?.sequencer.last ?? 0;
  }
  function since(name: string, position: number): ChannelEvent[] | undefined {
    return channels.get(name)?.sequencer.since(position);
  }
  /** Does nothing where the user is not in the channel, or where not all of it is at hand any more. */
  function enter(userId: string, name: string, backlog: Backlog | undefined): void {
    const channel = channels.get(name);
    const rest = backlog && since(name, backlog.upTo);
    if (!channel || !backlog || !rest) return;
    const viewer = { channel: name, visibleFrom: backlog.membership.visibleFrom };
    // What was read may be ahead of this node, and comes in its turn: who is inside by then would be told of it twice.
    const due = [...backlog.events, ...rest].filter(({ seq }) => seq <= lastOf(name));
    for (const connection of outsiders(userId, name)) {
      for (const event of due) connection.send(veil(event, viewer, source).frame);
      options.addTo(channel, connection, backlog.membership);
    }
  }

  return async (userId, name) => {
    if (outsiders(userId, name).length === 0) return;
    try {
      await turns.settled(
        userId,
        () => readBacklog(userId, name),
        (backlog) => enter(userId, name, backlog),
      );
    } finally {
      // Nobody may have come into it after all.
      channels.release(name);
    }
  };
}
