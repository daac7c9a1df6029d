import type { Bus } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { createSequencer, type Sequencer } from "./sequencer.ts";
import type { ChannelEvent, ChannelSource } from "./source.ts";

/** A channel that this node follows because a local socket is in it, or was a moment ago. */
export interface Channel {
  readonly name: string;
  readonly sequencer: Sequencer;
  readonly members: Set<Connection>;
}

export interface Channels {
  get(name: string): Channel | undefined;
  names(): string[];
  /** Follows those that are not followed yet; resolves once the bus delivers them. */
  follow(names: string[]): Promise<void>;
  /** Forgets the channel after a while, unless a socket comes back into it. */
  release(name: string): void;
  offer(name: string, event: ChannelEvent): void;
  /** Reads from the source what the bus has not delivered. Never throws: a failure is tried again by the next check. */
  repair(name: string): Promise<void>;
  close(): void;
}

export interface ChannelsOptions {
  bus: Bus;
  source: ChannelSource;
  /** Called for each event in its turn. */
  emit: (channel: Channel, event: ChannelEvent) => void;
  onRepairFailed: (channel: string, error: unknown) => void;
}

/** How long an event may wait for the one before it; longer, and the bus has lost that one. */
const GAP_WAIT_MS = 150;
/** A socket that reconnects finds its channels still followed. */
const RELEASE_DELAY_MS = 10_000;
const REPAIR_PAGE = 500;

export function createChannels({ bus, source, emit, onRepairFailed }: ChannelsOptions): Channels {
  const channels = new Map<string, Channel>();
  const repairs = new Map<string, Promise<void>>();
  const gapTimers = new Map<string, Timer>();
  const releaseTimers = new Map<string, Timer>();
  const following = new Map<string, Promise<void>>();

  function create(name: string): Channel {
    const channel: Channel = {
      name,
      members: new Set(),
      sequencer: createSequencer((event) => emit(channel, event)),
    };
    channels.set(name, channel);
    return channel;
  }

  async function follow(names: string[]): Promise<void> {
    const fresh = names.filter((name) => !channels.has(name));
    for (const name of names) cancel(releaseTimers, name);
    if (fresh.length > 0) {
      for (const name of fresh) create(name);
      const subscribed = bus.subscribe(fresh);
      for (const name of fresh) following.set(name, subscribed);
      await subscribed.finally(() => {
        for (const name of fresh) following.delete(name);
      });
    }
    // Another socket may be waiting for the confirmation of the same channels.
    await Promise.all(names.map(async (name) => await following.get(name)));
  }

  function release(name: string): void {
    if (releaseTimers.has(name) || !isIdle(name)) return;
    const timer = setTimeout(() => {
      releaseTimers.delete(name);
      if (!isIdle(name)) return;
      channels.delete(name);
      cancel(gapTimers, name);
      void bus.unsubscribe([name]);
    }, RELEASE_DELAY_MS);
    releaseTimers.set(name, timer);
  }
  function isIdle(name: string): boolean {
    return channels.get(name)?.members.size === 0;
  }

  function offer(name: string, event: ChannelEvent): void {
    const channel = channels.get(name);
    if (!channel) return;
    channel.sequencer.offer(event);
    if (!channel.sequencer.hasGap || gapTimers.has(name)) return;
    const timer = setTimeout(() => {
      gapTimers.delete(name);
      if (channels.get(name)?.sequencer.hasGap) void repair(name);
    }, GAP_WAIT_MS);
    gapTimers.set(name, timer);
  }

  function repair(name: string): Promise<void> {
    const running = repairs.get(name);
    if (running) return running;
    const repairing = fill(name)
      .catch((error: unknown) => onRepairFailed(name, error))
      .finally(() => repairs.delete(name));
    repairs.set(name, repairing);
    return repairing;
  }
  async function fill(name: string): Promise<void> {
    for (;;) {
      const sequencer = channels.get(name)?.sequencer;
      if (sequencer?.last === undefined) return;
      const range = { after: sequencer.last, limit: REPAIR_PAGE };
      const events = await source.listEvents(name, range);
      for (const event of events) offer(name, event);
      if (events.length < REPAIR_PAGE) return;
    }
  }

  return {
    get: (name) => channels.get(name),
    names: () => [...channels.keys()],
    follow,
    release,
    offer,
    repair,
    close: () => {
      for (const timers of [gapTimers, releaseTimers])
        for (const name of timers.keys()) cancel(timers, name);
    },
  };
}

function cancel(timers: Map<string, Timer>, name: string): void {
  clearTimeout(timers.get(name));
  timers.delete(name);
}
