import type { Bus } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { createEventBudget } from "./ring.ts";
import { createSequencer, type Sequencer } from "./sequencer.ts";
import type { ChannelEvent, ChannelSource, Range } from "./source.ts";
import { type Window, withoutGap } from "./window.ts";

/** A channel that this node follows because a local socket is in it, or was a moment ago. */
export interface Channel {
  readonly name: string;
  readonly sequencer: Sequencer;
  readonly members: Set<Connection>;
  /** First positions that some users may see; who is not among them may see all. */
  readonly floors: Map<string, number>;
}

/** A channel, and a position that was read of it before it was followed. */
export interface Placed {
  channel: string;
  seq: number;
}

export interface Channels {
  get(name: string): Channel | undefined;
  names(): string[];
  /** Follows those that are not followed yet; resolves once the bus delivers them. */
  follow(names: string[]): Promise<void>;
  /** The same from known positions: what came between the reading and the following is asked of the window. */
  followFrom(placed: Placed[]): Promise<void>;
  /** A position that the channel has at least: where it is behind for longer than the bus may take, it is repaired. */
  place(name: string, seq: number): void;
  /** Forgets the channel after a while, unless a socket comes back into it. */
  release(name: string): void;
  offer(name: string, event: ChannelEvent): void;
  /**
   * Reads what the bus has not delivered, up to `top` where it is known that there is as much. Never throws: a failure is
   * tried again by the next check.
   */
  repair(name: string, top?: number): Promise<void>;
  gauges(): { channels: number; held: number; size: number; timers: number };
  close(): void;
}

export interface ChannelsOptions {
  bus: Bus;
  source: ChannelSource;
  window: Pick<Window, "read">;
  /** Called for each event in its turn. */
  emit: (channel: Channel, event: ChannelEvent) => void;
  onRepairFailed: (channel: string, error: unknown) => void;
  /** How long a channel without sockets is still followed, so that one that reconnects finds it. */
  releaseDelayMs?: number;
}

/** How long an event may wait for the one before it; longer, and the bus has lost that one. */
const GAP_WAIT_MS = 150;
const RELEASE_DELAY_MS = 10_000;
const REPAIR_PAGE = 500;

export function createChannels(options: ChannelsOptions): Channels {
  const { bus, source, window, emit, onRepairFailed } = options;
  const { releaseDelayMs = RELEASE_DELAY_MS } = options;
  const channels = new Map<string, Channel>();
  const budget = createEventBudget();
  const repairs = new Map<string, Promise<void>>();
  const tops = new Map<string, number>();
  const gapTimers = new Map<string, Timer>();
  const releaseTimers = new Map<string, Timer>();
  const following = new Map<string, Promise<void>>();

  function create(name: string): void {
    const sequencer = createSequencer((event) => emit(channel, event), budget);
    const members = new Set<Connection>();
    const channel: Channel = { name, members, floors: new Map<string, number>(), sequencer };
    channels.set(name, channel);
  }

  async function start(names: string[], begin: (fresh: string[]) => Promise<void>): Promise<void> {
    const fresh = names.filter((name) => !channels.has(name));
    for (const name of names) cancel(releaseTimers, name);
    if (fresh.length > 0) {
      for (const name of fresh) create(name);
      const begun = begin(fresh);
      for (const name of fresh) following.set(name, begun);
      await begun.finally(() => {
        for (const name of fresh) following.delete(name);
      });
    }
    // Another socket may be waiting for the confirmation of the same channels.
    await Promise.all(names.map(async (name) => await following.get(name)));
  }
  /**
   * Whoever published in front of our subscription had written to the window before, and whoever publishes behind it is
   * heard: so a position from before is as good as one that is read again, which would cost a statement.
   */
  async function catchUp(placed: Placed[]): Promise<void> {
    for (const { channel, seq } of placed) place(channel, seq);
    const ranges = placed.map(({ channel, seq }) => ({ channel, after: seq, limit: REPAIR_PAGE }));
    const found = await window.read(ranges);
    for (const [at, { channel }] of ranges.entries())
      for (const event of found[at] ?? []) offer(channel, event);
  }

  function release(name: string): void {
    if (releaseTimers.has(name) || !isIdle(name)) return;
    const timer = setTimeout(() => {
      releaseTimers.delete(name);
      if (!isIdle(name)) return;
      channels.get(name)?.sequencer.clear();
      channels.delete(name);
      cancel(gapTimers, name);
      void bus.unsubscribe([name]);
    }, releaseDelayMs);
    releaseTimers.set(name, timer);
  }
  function isIdle(name: string): boolean {
    return channels.get(name)?.members.size === 0;
  }

  function offer(name: string, event: ChannelEvent): void {
    const channel = channels.get(name);
    if (!channel) return;
    channel.sequencer.offer(event);
    if (channel.sequencer.hasGap) repairSoon(name, 0);
  }
  function place(name: string, seq: number): void {
    const sequencer = channels.get(name)?.sequencer;
    sequencer?.place(seq);
    if ((sequencer?.last ?? seq) < seq) repairSoon(name, seq);
  }
  function repairSoon(name: string, top: number): void {
    if (gapTimers.has(name)) return;
    const timer = setTimeout(() => {
      gapTimers.delete(name);
      void repair(name, top);
    }, GAP_WAIT_MS);
    gapTimers.set(name, timer);
  }

  function repair(name: string, top = 0): Promise<void> {
    tops.set(name, Math.max(top, tops.get(name) ?? 0));
    const running = repairs.get(name);
    if (running) return running;
    const repairing = fill(name)
      .catch((error: unknown) => onRepairFailed(name, error))
      .finally(() => {
        repairs.delete(name);
        tops.delete(name);
      });
    repairs.set(name, repairing);
    return repairing;
  }
  /** The window first, because a hundred nodes may lack the same; then Postgres, which lacks nothing. */
  async function fill(name: string): Promise<void> {
    let range = missing(name);
    if (!range) return;
    const [found = []] = await window.read([range]);
    for (const event of withoutGap(found, range.after)) offer(name, event);
    for (range = missing(name); range; range = missing(name)) {
      const events = await source.listEvents(name, range);
      for (const event of events) offer(name, event);
      if (events.length < REPAIR_PAGE) return;
    }
  }
  /** What is known to be missing; undefined where nothing is. */
  function missing(name: string): Range | undefined {
    const sequencer = channels.get(name)?.sequencer;
    if (sequencer?.last === undefined) return undefined;
    const isBehind = sequencer.hasGap || sequencer.last < (tops.get(name) ?? 0);
    return isBehind ? { channel: name, after: sequencer.last, limit: REPAIR_PAGE } : undefined;
  }

  return {
    get: (name) => channels.get(name),
    names: () => [...channels.keys()],
    follow: (names) => start(names, (fresh) => bus.subscribe(fresh)),
    followFrom: (placed) =>
      start(
        placed.map(({ channel }) => channel),
        async (names) => {
          const fresh = new Set(names);
          await bus.subscribe(names);
          await catchUp(placed.filter(({ channel }) => fresh.has(channel)));
        },
      ),
    place,
    release,
    offer,
    repair,
    gauges: () => ({
      channels: channels.size,
      held: [...channels.values()].reduce((sum, { sequencer }) => sum + sequencer.held, 0),
      size: budget.size,
      timers: gapTimers.size + releaseTimers.size + repairs.size + following.size,
    }),
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
