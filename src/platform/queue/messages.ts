import type { Held } from "./store.ts";

/** What a worker thread tells its supervisor. */
export type WorkerMessage =
  | { type: "ready" }
  /** A job was begun; unless it ends within `limitMs`, the thread is stuck in it. */
  | { type: "held"; job: Held; limitMs: number }
  | { type: "freed"; id: string }
  | { type: "stopped" };

/** What a supervisor tells a worker thread. */
export type SupervisorMessage =
  /** The first message: under which name the thread takes jobs. */
  | { type: "begin"; consumer: string }
  /** The lease of a job was lost: somebody else may be at it. */
  | { type: "lost"; ids: string[] }
  /** Take nothing more, finish what can be finished in time, hand back the rest. */
  | { type: "stop"; graceMs: number };
