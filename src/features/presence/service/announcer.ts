import type { Platform } from "../../../platform/platform.ts";
import { createWakeUp, type WakeUp } from "../../../platform/time.ts";
import { announceStatus } from "./announcement.ts";
import type { Leases } from "./leases.ts";

/** Tells others when somebody's status has changed, each user's not too often and all of them not too many at once. */
export interface Announcer {
  /** The user's status may have changed. */
  consider(userId: string): void;
  /** Tells what is to be told now; what fails is left for the next change. */
  tell(): Promise<void>;
  /** Rings when there is something to tell. */
  wakeUp: WakeUp;
}

/** Each is a question to Postgres, which has more important ones to answer. */
const BATCH = 4;
/** Beyond this, changes are told to nobody; who asks still gets the truth. */
const MAX_WAITING = 50_000;

export function createAnnouncer(platform: Platform, leases: Leases): Announcer {
  const wakeUp = createWakeUp();
  /** When each user may be told of, by the monotonic clock. */
  const due = new Map<string, number>();

  function wait(userId: string, waitMs: number): void {
    if (due.size < MAX_WAITING || due.has(userId)) due.set(userId, performance.now() + waitMs);
  }
  async function tellOne(userId: string): Promise<void> {
    due.delete(userId);
    const found = await leases.announce(userId);
    if (found && "waitMs" in found) wait(userId, found.waitMs);
    else if (found) await announceStatus(platform, { userId, status: found.status });
  }
  return {
    wakeUp,
    consider: (userId) => {
      wait(userId, 0);
      wakeUp.wake();
    },
    tell: async () => {
      const time = performance.now();
      const ready = [...due].filter(([, at]) => at <= time).map(([userId]) => userId);
      for (let at = 0; at < ready.length; at += BATCH)
        await Promise.all(ready.slice(at, at + BATCH).map(tellOne));
    },
  };
}
