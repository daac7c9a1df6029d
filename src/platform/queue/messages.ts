import type { Held } from "./store.ts";

/** What a worker thread tells its supervisor. */
export type WorkerMessage =
  | { type: "ready" }
  /** The thread is not blocked; it says so as often as it was asked to. */
  | { type: "alive" }
  /** A job was begun, or goes on; unless it ends within `limitMs`, the thread is stuck in it. */
  | { type: "held"; job: Held; limitMs: number }
  | { type: "freed"; entry: string }
  | { type: "stopped" };

/** What a supervisor tells a worker thread. */
export type SupervisorMessage =
  /** The first message: under which name the thread takes jobs, and how often it says that it is alive. */
  | { type: "begin"; consumer: string; aliveMs: number }
  /** The lease of a job was lost: somebody else may be at it. */
  | { type: "lost"; entries: string[] }
  /** Take nothing more, finish what can be finished in time, hand back the rest. */
  | { type: "stop"; graceMs: number };
