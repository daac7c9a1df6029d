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
}

const READY_LIMIT_MS = 15_000;
const RENEW_MS = 3_000;
const LEASE_MS = 12_000;
const PROMOTE_MS = 250;
const REAP_MS = 2_000;
const STUCK_CHECK_MS = 1_000;
const GRACE_MS = 8_000;
const STOP_LIMIT_MS = 14_000;
const MIN_RESPAWN_MS = 100;
const MAX_RESPAWN_MS = 10_000;
/** A thread that lived this long did not die of its start. */
const STABLE_MS = 60_000;

interface Thread {
  worker: Worker;
  consumer: string;
  held: Map<string, { job: Held; endsAt: number }>;
  ended: Promise<void>;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { store, log, nodeId } = options;
  const threads = new Set<Thread>();
  const stopping = new AbortController();
  const loops: Promise<void>[] = [];
  let lives = 0;

  /** One thread after another in the same place, for ever. */
  async function keep(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      const bornAt = performance.now();
      const thread = begin(options.spawn(), { consumer: `${nodeId}.${(lives += 1)}`, log });
      threads.add(thread);
      await thread.ended;
      threads.delete(thread);
      await putBack(thread.consumer);
      failures = performance.now() - bornAt > STABLE_MS ? 1 : failures + 1;
      if (!stopping.signal.aborted) log.error("a worker thread ended", { held: thread.held.size });
      const delay = Math.min(MAX_RESPAWN_MS, MIN_RESPAWN_MS * 2 ** (failures - 1));
      await pause(delay, stopping.signal);
    }
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
      const ids = await store.renew(thread.consumer, held);
      if (ids.length > 0) post(thread, { type: "lost", ids });
    }
  }
  async function endStuck(): Promise<void> {
    const now = performance.now();
    for (const { held, worker } of threads) {
      if (![...held.values()].some(({ endsAt }) => now > endsAt)) continue;
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
      loops.push(every(PROMOTE_MS, () => store.promote()));
      loops.push(
        every(REAP_MS, async () => tellReaped(await store.reap({ leaseMs: LEASE_MS }), log)),
      );
      loops.push(every(STUCK_CHECK_MS, endStuck));
      // Jobs that are being finished keep their leases while the process stops.
      const renewing = setInterval(() => void renew().catch(() => undefined), RENEW_MS);
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
      }, STOP_LIMIT_MS);
      for (const thread of threads) post(thread, { type: "stop", graceMs: GRACE_MS });
      await Promise.all(loops);
      clearTimeout(late);
    },
  };
}

function begin(worker: Worker, { consumer, log }: { consumer: string; log: Log }): Thread {
  const ended = Promise.withResolvers<void>();
  const thread: Thread = { worker, consumer, held: new Map(), ended: ended.promise };
  const unready = setTimeout(() => worker.terminate(), READY_LIMIT_MS);
  worker.addEventListener("message", ({ data }: MessageEvent<WorkerMessage>) => {
    if (data.type === "ready") clearTimeout(unready);
    if (data.type === "held")
      thread.held.set(data.job.id, { job: data.job, endsAt: performance.now() + data.limitMs });
    if (data.type === "freed") thread.held.delete(data.id);
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
  post(thread, { type: "begin", consumer });
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
