import type { Platform } from "../../../platform/platform.ts";
import type { Connection } from "../../../platform/realtime/connection.ts";
import { createWakeUp, type WakeUp } from "../../../platform/time.ts";
import { createAnnouncer } from "./announcer.ts";
import { createLeases, type Present } from "./leases.ts";
import { createRoster } from "./roster.ts";

/** Keeps Redis true about who is on this instance, and has others told when somebody comes or goes. */
export interface Attendance {
  set(connection: Connection, present: Present): void;
  remove(connection: Connection): void;
  start(): void;
  /** Leaves everybody where they are: they come back to another instance, or their lease runs out. */
  close(): Promise<void>;
}

/** Most of those whose last socket closes come back at once, on this instance or another one. */
const LINGER_MS = 10_000;
/** How often the lease is renewed, and those are looked for whose instance has vanished. */
const LEASE_INTERVAL_MS = 3_000;
const WORK_INTERVAL_MS = 500;
const WRITE_BATCH = 500;

interface Loop {
  work: () => Promise<void>;
  wakeUp: WakeUp;
  everyMs: number;
}

export function createAttendance(platform: Platform): Attendance {
  const leases = createLeases(platform);
  const announcer = createAnnouncer(platform, leases);
  const roster = createRoster({ lingerMs: LINGER_MS, clock: () => performance.now() });
  const [leasing, writing] = [createWakeUp(), createWakeUp()];
  const stop = new AbortController();
  let loops: Promise<void>[] = [];

  async function keepLease(): Promise<void> {
    if (roster.count() > 0 && (await leases.renew())) {
      roster.rewrite();
      writing.wake();
    }
    for (;;) {
      const userIds = await leases.reap();
      if (userIds.length === 0) return;
      for (const userId of userIds) announcer.consider(userId);
    }
  }
  async function write(): Promise<void> {
    roster.expire();
    for (;;) {
      const changes = roster.takeChanges(WRITE_BATCH);
      if (changes.length === 0) return;
      const userIds = changes.map(([userId]) => userId);
      try {
        await leases.write(changes);
      } catch (error) {
        roster.giveBack(userIds);
        throw error;
      }
      for (const userId of userIds) announcer.consider(userId);
    }
  }
  return {
    set: (connection, present) => {
      if (roster.count() === 0) leasing.wake();
      roster.set(connection, present);
      writing.wake();
    },
    remove: (connection) => roster.remove(connection),
    start: () => {
      loops = [
        { work: keepLease, wakeUp: leasing, everyMs: LEASE_INTERVAL_MS },
        { work: write, wakeUp: writing, everyMs: WORK_INTERVAL_MS },
        { work: () => announcer.tell(), wakeUp: announcer.wakeUp, everyMs: WORK_INTERVAL_MS },
      ].map((loop) => repeat(platform, loop, stop.signal));
    },
    close: async () => {
      stop.abort();
      await Promise.all(loops);
    },
  };
}

/** Repeats the work when it is woken, and at least so often. What fails is tried again the next time. */
async function repeat(
  { redis, log }: Platform,
  { work, wakeUp, everyMs }: Loop,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      // While Redis is away nobody knows of anybody, and what is to be written waits here.
      if (redis.isReady()) await work();
    } catch (error) {
      log.warn("cannot keep who is present", { error });
    }
    await wakeUp.wait(everyMs, signal);
  }
}
