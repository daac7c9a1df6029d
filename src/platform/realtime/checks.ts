import type { Log } from "../log.ts";
import type { Bus } from "./bus.ts";
import type { Channels } from "./channels.ts";
import { CloseCode, type Connection } from "./connection.ts";
import { MAX_CHANNELS_PER_USER } from "./limits.ts";
import type { ChannelSource } from "./source.ts";

const CHECK_INTERVAL_MS = 5_000;
/** Without a bus, Postgres is asked more often, so that talk between instances goes on, only slower. */
const CHECK_INTERVAL_WITHOUT_BUS_MS = 1_000;
const CHECK_BATCH = 500;

export interface ChecksOptions {
  bus: Bus;
  source: ChannelSource;
  isAlive: (session: { userId: string; sessionId: string }) => Promise<boolean>;
  log: Log;
  channels: Channels;
  users: Map<string, Set<Connection>>;
  joinChannel: (userId: string, name: string) => Promise<void>;
}

/** Compares positions with the source now and then, and everything after the bus was away. */
export function startChecks(options: ChecksOptions): () => void {
  const { bus, source, log, channels, users, joinChannel } = options;
  let timer: Timer;
  let stopped = false;

  async function checkPositions(): Promise<void> {
    const names = channels.names();
    for (let at = 0; at < names.length; at += CHECK_BATCH) {
      const tops = await source.listTops(names.slice(at, at + CHECK_BATCH));
      for (const [name, top] of tops) {
        const last = channels.get(name)?.sequencer.last;
        if (last !== undefined && top > last) await channels.repair(name);
      }
    }
  }
  async function checkMemberships(): Promise<void> {
    for (const userId of users.keys()) {
      const memberships = await source.listMemberships(userId, MAX_CHANNELS_PER_USER);
      await Promise.all(memberships.map(({ channel }) => joinChannel(userId, channel)));
    }
  }
  async function checkSessions(): Promise<void> {
    for (const connections of users.values())
      for (const connection of connections)
        if (!(await options.isAlive(connection)))
          connection.close(CloseCode.sessionEnded, "session_revoked");
  }
  function schedule(): void {
    if (stopped) return;
    const delayMs = bus.isReady() ? CHECK_INTERVAL_MS : CHECK_INTERVAL_WITHOUT_BUS_MS;
    timer = setTimeout(() => void check(false), delayMs);
  }
  async function check(everything: boolean): Promise<void> {
    clearTimeout(timer);
    try {
      await checkPositions();
      if (everything || !bus.isReady()) {
        await checkSessions();
        await checkMemberships();
      }
    } catch (error) {
      log.warn("cannot check the channels", { error });
    }
    clearTimeout(timer);
    schedule();
  }
  bus.onRecovered(() => void check(true));
  schedule();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
