import type { Log } from "../log.ts";
import { pause } from "../time.ts";
import type { SupervisorMessage, WorkerMessage } from "./messages.ts";
import type { Held, JobStore } from "./store.ts";

/** Keeps worker threads alive, renews the leases of what they hold, and puts back what others left. */
export interface Supervisor {
  start(): void;
  /** Resolves when every thread has finished or handed back its jobs and has ended. */
  stop(): Promise<void>;
}

export interface SupervisorOptions {
  count: number;
  spawn: () => Worker;
  store: JobStore;
  /** Names this process among all that take jobs. */
  nodeId: string;
  log: Log;
  limits?: Partial<SupervisorLimits>;
}

export interface SupervisorLimits {
  /** A job that was not renewed for so long is put back. */
  leaseMs: number;
  renewMs: number;
  reapMs: number;
  stuckCheckMs: number;
  /** A thread that runs nothing and says nothing for so long is blocked by what a former job left behind. */
  silenceMs: number;
  /** How long running jobs may go on once the process stops; after `stopMs` the threads are ended. */
  graceMs: number;
  stopMs: number;
}

const LIMITS: SupervisorLimits = {
  leaseMs: 12_000,
  renewMs: 3_000,
  reapMs: 2_000,
  stuckCheckMs: 1_000,
  silenceMs: 15_000,
  graceMs: 8_000,
  stopMs: 14_000,
};
/** How many signs of life may be late or lost. */
const SIGNS_IN_SILENCE = 5;
const READY_LIMIT_MS = 15_000;
const PROMOTE_MS = 250;
/** Names of killed processes stay in Redis for so long. */
const CONSUMER_LIFE_MS = 3_600_000;
const SWEEP_MS = 600_000;
const MIN_RESPAWN_MS = 100;
const MAX_RESPAWN_MS = 10_000;

interface Thread {
  worker: Worker;
  consumer: string;
  /** By entry, because a job whose lease was lost may be begun again before its former attempt has ended. */
  held: Map<string, { job: Held; endsAt: number }>;
  isReady: boolean;
  /** When it last said something. */
  seenAt: number;
  ended: Promise<void>;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { store, log, nodeId } = options;
  const limits = { ...LIMITS, ...options.limits };
  const threads = new Set<Thread>();
  const stopping = new AbortController();
  const loops: Promise<void>[] = [];
  let lives = 0;
  // Redis may have been away until a moment ago. By then every process that lives has renewed what it holds, and a lease
  // is far longer, so what was killed does not wait for this.
  let reapsFrom = performance.now() + limits.renewMs + limits.reapMs;

  /** One thread after another in the same place, for ever. */
  async function keep(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const consumer = `${nodeId}.${(lives += 1)}`;
      const wasReady = await live(consumer).catch((error: unknown) => {
        log.error("cannot start a worker thread", { error });
        return false;
      });
      // One that was ready was ended by a job, and the next job need not wait for that.
      failures = wasReady ? 1 : failures + 1;
      const delay = Math.min(MAX_RESPAWN_MS, MIN_RESPAWN_MS * 2 ** (failures - 1));
      await pause(delay, stopping.signal);
      // Redis may have handed it a ticket before it saw that the connection was gone.
      await putBack(consumer);
    }
  }
  /** The whole life of one thread. @returns whether it was ever ready. */
  async function live(consumer: string): Promise<boolean> {
    const thread = begin(options.spawn(), { consumer, log });
    threads.add(thread);
    const aliveMs = limits.silenceMs / SIGNS_IN_SILENCE;
    post(thread, { type: "begin", consumer, aliveMs });
    await thread.ended;
    threads.delete(thread);
    await putBack(consumer);
    if (!stopping.signal.aborted) log.error("a worker thread ended", { held: thread.held.size });
    return thread.isReady;
  }
  async function putBack(consumer: string): Promise<void> {
    try {
      tellReaped(await store.reap({ consumer }), log);
      await store.forget(consumer);
    } catch (error) {
      log.warn("cannot put back what a thread held; its lease will end", { error });
    }
  }
  async function renew(): Promise<void> {
    for (const thread of threads) {
      const held = [...thread.held.values()].map(({ job }) => job);
      if (held.length === 0) continue;
      const entries = await store.renew(thread.consumer, held);
      if (entries.length > 0) post(thread, { type: "lost", entries });
    }
  }
  async function promote(): Promise<void> {
    while ((await store.promote()) > 0 && !stopping.signal.aborted);
  }
  /** While Redis was away nobody could renew a lease, so for the length of one nobody is taken for vanished. */
  async function reap(): Promise<void> {
    try {
      const isDue = performance.now() >= reapsFrom;
      // With a lease that never ends this only asks whether Redis is there.
      const leaseMs = isDue ? limits.leaseMs : Number.MAX_SAFE_INTEGER;
      tellReaped(await store.reap({ leaseMs }), log);
    } catch (error) {
      reapsFrom = performance.now() + limits.leaseMs;
      throw error;
    }
  }
  async function endStuck(): Promise<void> {
    const now = performance.now();
    for (const { held, worker, isReady, seenAt } of threads) {
      const ends = [...held.values()].map(({ endsAt }) => endsAt);
      // A running job has an end of its own; one that waits for its turn excuses no silence.
      const runsNothing = ends.every((endsAt) => endsAt === Infinity);
      // One that still starts has more to do than to say so, and a limit of its own.
      const isSilent = isReady && runsNothing && now - seenAt > limits.silenceMs;
      if (!isSilent && !ends.some((endsAt) => now > endsAt)) continue;
      log.error("a worker thread is stuck", { held: held.size });
      worker.terminate();
    }
  }
  async function every(ms: number, work: () => Promise<unknown>): Promise<void> {
    while (!stopping.signal.aborted) {
      await pause(ms, stopping.signal);
      // While Redis is away there is nothing to be done; its own connection says so in the log.
      await work().catch((error: unknown) => log.debug("cannot look after jobs", { error }));
    }
  }
  return {
    start: () => {
      for (let place = 0; place < options.count; place += 1) loops.push(keep());
      loops.push(every(PROMOTE_MS, promote));
      loops.push(every(limits.reapMs, reap));
      loops.push(every(SWEEP_MS, () => store.sweep(CONSUMER_LIFE_MS)));
      loops.push(every(limits.stuckCheckMs, endStuck));
      // Jobs that are being finished keep their leases while the process stops.
      const renewing = setInterval(() => void renew().catch(() => undefined), limits.renewMs);
      loops.push(
        (async () => {
          await until(stopping.signal);
          await Promise.all([...threads].map((thread) => thread.ended));
          clearInterval(renewing);
        })(),
      );
    },
    stop: async () => {
      stopping.abort();
      const late = setTimeout(() => {
        for (const { worker } of threads) worker.terminate();
      }, limits.stopMs);
      for (const thread of threads) post(thread, { type: "stop", graceMs: limits.graceMs });
      await Promise.all(loops);
      clearTimeout(late);
    },
  };
}

function begin(worker: Worker, { consumer, log }: { consumer: string; log: Log }): Thread {
  const ended = Promise.withResolvers<void>();
  const thread: Thread = {
    worker,
    consumer,
    held: new Map(),
    isReady: false,
    seenAt: performance.now(),
    ended: ended.promise,
  };
  const unready = setTimeout(() => worker.terminate(), READY_LIMIT_MS);
  worker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
    thread.seenAt = performance.now();
    if (data.type === "ready") {
      thread.isReady = true;
      clearTimeout(unready);
    }
    if (data.type === "held")
      thread.held.set(data.job.entry, { job: data.job, endsAt: performance.now() + data.limitMs });
    if (data.type === "freed") thread.held.delete(data.entry);
    if (data.type === "stopped") worker.terminate();
  });
  // An error that nobody caught ends the thread, and this event is the only place that tells of it.
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    log.error("a worker thread failed", { reason: event.message });
  });
  worker.addEventListener("close", () => {
    clearTimeout(unready);
    ended.resolve();
  });
  return thread;
}

function post({ worker }: Thread, message: SupervisorMessage): void {
  worker.postMessage(message);
}

function tellReaped(reaped: { id: string; outcome: string }[], log: Log): void {
  for (const { id, outcome } of reaped) log.warn("a job outlived its worker", { job: id, outcome });
}

function until(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
