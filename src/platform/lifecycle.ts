import type { Log } from "./log.ts";

/** Something that was started and must be stopped. */
interface Part {
  name: string;
  stop: () => Promise<void> | void;
}

export interface Lifecycle {
  /** Registers what has just started; parts stop in the reverse order of their registration. */
  add(name: string, stop: () => Promise<void> | void): void;
  /** Stops everything once, however often it is called, and never waits longer than the deadline. */
  stop(): Promise<void>;
}

/** One part may use this share of the whole deadline, so that a stuck one leaves time for those behind it. */
const PART_SHARE = 0.6;

export function createLifecycle(log: Log, deadlineMs: number): Lifecycle {
  const parts: Part[] = [];
  let stopping: Promise<void> | undefined;

  async function stopAll(): Promise<void> {
    const end = performance.now() + deadlineMs;
    for (let part = parts.pop(); part; part = parts.pop()) {
      const left = Math.max(0, end - performance.now());
      await stopPart(part, Math.max(100, left * PART_SHARE), log);
    }
  }
  return {
    add: (name, stop) => void parts.push({ name, stop }),
    stop: () => (stopping ??= stopAll()),
  };
}

async function stopPart(part: Part, timeoutMs: number, log: Log): Promise<void> {
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => late.resolve("late"), timeoutMs);
  try {
    const outcome = await Promise.race([Promise.resolve().then(part.stop), late.promise]);
    if (outcome === "late") log.warn("stopped waiting for a part", { part: part.name, timeoutMs });
  } catch (error) {
    log.error("a part did not stop cleanly", { part: part.name, error });
  } finally {
    clearTimeout(timer);
  }
}
