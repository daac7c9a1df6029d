import type { Log } from "../log.ts";
import type { Bus } from "./bus.ts";
import type { Channel, Channels } from "./channels.ts";
import { CloseCode, type Connection, type Session } from "./connection.ts";
import type { JoinChannel } from "./joining.ts";
import { createLease } from "./lease.ts";
import { MAX_CHANNELS_PER_USER } from "./limits.ts";
import { type ChannelSource, isUserChannel } from "./source.ts";
import { MAX_TURNS, type Turns } from "./turns.ts";

const CHECK_INTERVAL_MS = 5_000;
/** Without a bus, Postgres is asked more often, so that talk between instances goes on, only slower. */
const CHECK_INTERVAL_WITHOUT_BUS_MS = 1_000;
/** Channels, or users, of one statement. */
const CHECK_BATCH = 500;
const BATCHES_AT_ONCE = 4;
/** Channels that are repaired at the same time; each of them may read pages of events. */
const REPAIRS_AT_ONCE = 16;

export interface ChecksOptions {
  bus: Bus;
  source: ChannelSource;
  listAlive: (sessions: Session[]) => Promise<Set<string>>;
  log: Log;
  channels: Channels;
  users: Map<string, Set<Connection>>;
  turns: Turns;
  joinChannel: JoinChannel;
  expel: (channel: Channel, userId: string) => void;
  /** All channels that a local socket of the user is in. */
  channelsOf: (userId: string) => Set<Channel>;
}

export interface Checks {
  /** False while this node cannot know who has left. */
  isTrusted(): boolean;
  stop(): void;
}

/**
 * Compares positions with the source now and then. After every time in which messages may have been lost, and while they
 * are, all that was told by them is read again: sessions, memberships and positions are rows, so none of it can be missed.
 */
export function startChecks(options: ChecksOptions): Checks {
  const { bus, source, log, channels, users, turns } = options;
  let timer: Timer;
  let stopped = false;
  let running: Promise<void> | undefined;
  /** When messages were lost last, as long as what they told was not read again. */
  let lostAt: number | undefined;
  const lease = createLease({
    onLost: () => {
      log.warn("nobody is served: neither the bus nor the database tells who has left");
      for (const connections of users.values())
        for (const connection of connections)
          connection.close(CloseCode.insufficient, "cannot_be_proven");
    },
  });

  async function checkPositions(): Promise<void> {
    await eachBatch(channels.names(), async (names) => {
      const tops = [...(await source.listTops(names))];
      const behind = tops.filter(([name, top]) => {
        const last = channels.get(name)?.sequencer.last;
        return last !== undefined && top > last;
      });
      for (const some of batchesOf(behind, REPAIRS_AT_ONCE))
        await Promise.all(some.map(([name, top]) => channels.repair(name, top)));
    });
  }
  async function checkSessions(): Promise<void> {
    const all = [...users.values()].flatMap((connections) => [...connections]);
    await eachBatch(all, async (connections) => {
      const alive = await options.listAlive(connections);
      for (const connection of connections)
        if (!alive.has(connection.sessionId))
          connection.close(CloseCode.sessionEnded, "session_revoked");
    });
  }
  async function checkMemberships(): Promise<void> {
    const left = new Set(users.keys());
    for (let count = 0; count < MAX_TURNS && left.size > 0; count += 1)
      await eachBatch([...left], (userIds) =>
        turns.steady(
          userIds,
          () => source.listChannels(userIds),
          (userId, found) => {
            left.delete(userId);
            compare(userId, found);
          },
        ),
      );
    if (left.size > 0) throw new Error("Cannot check memberships: they change too fast");
  }
  function compare(userId: string, found: Map<string, Set<string>>): void {
    const present = found.get(userId) ?? new Set();
    const attached = options.channelsOf(userId);
    for (const channel of attached)
      if (!present.has(channel.name) && !isUserChannel(channel.name))
        options.expel(channel, userId);
    const room = Math.max(0, MAX_CHANNELS_PER_USER - attached.size);
    const names = new Set([...attached].map(({ name }) => name));
    for (const name of [...present].filter((each) => !names.has(each)).slice(0, room))
      options
        .joinChannel(userId, name)
        .catch((error: unknown) => log.warn("cannot bring a user into a channel", { error }));
  }

  async function checkAll(): Promise<void> {
    const beganAt = performance.now();
    await checkSessions();
    // Events pass in order, so nothing that was said behind a removal can come before it; only sessions end without one.
    lease.prove(beganAt);
    await checkPositions();
    await checkMemberships();
    if (lostAt !== undefined && lostAt <= beganAt) lostAt = undefined;
  }
  function isLosing(): boolean {
    return lostAt !== undefined || !bus.isHearing();
  }
  function schedule(): void {
    clearTimeout(timer);
    if (stopped) return;
    const delayMs = isLosing() ? CHECK_INTERVAL_WITHOUT_BUS_MS : CHECK_INTERVAL_MS;
    timer = setTimeout(() => void check(), delayMs);
  }
  /** One at a time; what is lost during a check is left to the next one. */
  function check(): Promise<void> {
    running ??= (isLosing() ? checkAll() : checkPositions())
      .catch((error: unknown) => log.warn("cannot check the channels", { error }))
      .finally(() => {
        running = undefined;
        schedule();
      });
    return running;
  }
  bus.onRecovered(() => {
    lostAt = performance.now();
    void (running ?? Promise.resolve()).then(() => check());
  });
  bus.onHeard(() => {
    if (lostAt === undefined) lease.prove(performance.now());
  });
  schedule();
  return {
    isTrusted: () => lease.isHeld(),
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      lease.stop();
    },
  };
}

/** Several statements are on their way at once, because whoever serves may not wait long for all of them. */
async function eachBatch<T>(items: T[], work: (batch: T[]) => Promise<void>): Promise<void> {
  const batches = batchesOf(items, CHECK_BATCH);
  const take = async () => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) await work(batch);
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, take));
}

function batchesOf<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  );
}
