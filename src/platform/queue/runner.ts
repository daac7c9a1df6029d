import type { Log } from "../log.ts";
import type { Redis } from "../redis.ts";
import { pause, TimeoutError } from "../time.ts";
import { type JobHandler, JobRefused, retryDelayMs } from "./definition.ts";
import type { WorkerMessage } from "./messages.ts";
import type { JobStore, StartedJob, Ticket } from "./store.ts";

/** Takes jobs from one queue and runs them, several at once, until it is told to stop. */
export interface Runner {
  /** Resolves when everything that was begun is finished or handed back. */
  run(): Promise<void>;
  stop(graceMs: number): void;
  /** Gives up jobs that may have been given to somebody else. */
  abandon(ids: string[]): void;
}

export interface RunnerOptions {
  store: JobStore;
  /** A connection of its own, on which the wait for work blocks. */
  reader: Redis;
  handlers: JobHandler[];
  consumer: string;
  log: Log;
  tell: (message: WorkerMessage) => void;
}

/** Handlers mostly wait for other machines, so one thread serves several jobs. */
const CONCURRENCY = 8;
const FETCH_WAIT_MS = 2_000;
const RETRY_MS = 250;
/** A handler that was told to end gets this long before its job is taken for failed. */
const ABORT_GRACE_MS = 5_000;
/** Longer than this, the outcome of a job is not held back for a Redis that is away: its lease is over. */
const REPORT_LIMIT_MS = 60_000;
/** A kind that this version does not know waits for a worker that does. */
const UNKNOWN_DELAY_MS = 30_000;
const MAX_ERROR = 500;

interface Running {
  job: StartedJob;
  abort: AbortController;
  /** Set when the process stops: the job is handed back instead of failed. */
  handBack: boolean;
}

export function createRunner(options: RunnerOptions): Runner {
  const { store, reader, consumer, log, tell } = options;
  const handlers = new Map(options.handlers.map((handler) => [handler.kind.name, handler]));
  const running = new Map<string, Running>();
  const working = new Set<Promise<void>>();
  const stopping = new AbortController();
  let graceMs = 0;

  async function fetch(): Promise<Ticket[]> {
    if (!reader.isReady()) return await idle();
    try {
      const limit = CONCURRENCY - working.size;
      return await store.fetch(reader, { consumer, limit, waitMs: FETCH_WAIT_MS });
    } catch (error) {
      if (!stopping.signal.aborted) log.warn("cannot fetch jobs", { error });
      return await idle();
    }
  }
  async function idle(): Promise<Ticket[]> {
    await pause(RETRY_MS, stopping.signal);
    return [];
  }
  async function take(ticket: Ticket): Promise<void> {
    try {
      const job = await store.start(ticket);
      if (job) await work(job);
    } catch (error) {
      // The ticket stays pending, and is put back into the line when its lease is over.
      log.warn("cannot start a job", { job: ticket.id, error });
    }
  }
  async function work(job: StartedJob): Promise<void> {
    const handler = handlers.get(job.kind);
    if (!handler || handler.kind.version < job.version)
      return void (await store.release(job, UNKNOWN_DELAY_MS));
    const { timeoutMs } = handler.kind;
    const entry: Running = { job, abort: new AbortController(), handBack: false };
    running.set(job.id, entry);
    tell({ type: "held", job: heldOf(job), limitMs: timeoutMs + 2 * ABORT_GRACE_MS });
    try {
      const failure = await attempt(handler, entry, log);
      await persist(() => report({ store, handler, entry, log }, failure), log);
    } finally {
      running.delete(job.id);
      tell({ type: "freed", id: job.id });
    }
  }
  async function drain(): Promise<void> {
    const all = Promise.allSettled(working);
    const grace = new AbortController();
    void all.then(() => grace.abort());
    await pause(graceMs, grace.signal);
    for (const entry of running.values()) {
      entry.handBack = true;
      entry.abort.abort(new Error("the process stops"));
    }
    await all;
  }
  return {
    run: async () => {
      while (!stopping.signal.aborted) {
        if (working.size >= CONCURRENCY) await Promise.race(working);
        for (const ticket of await fetch()) {
          // What comes too late stays pending, and the supervisor puts it back.
          if (stopping.signal.aborted) break;
          const job = take(ticket).finally(() => working.delete(job));
          working.add(job);
        }
      }
      await drain();
    },
    stop: (ms) => {
      graceMs = ms;
      stopping.abort();
      // Ends a fetch that still waits for work.
      void reader.close();
    },
    abandon: (ids) => {
      for (const id of ids) running.get(id)?.abort.abort(new Error("the lease was lost"));
    },
  };
}

function heldOf({ id, entry, token }: StartedJob) {
  return { id, entry, token };
}

/** Runs the handler within its time. @returns what went wrong, or undefined. */
async function attempt(
  { kind, run }: JobHandler,
  { job, abort }: Running,
  log: Log,
): Promise<{ error: unknown } | undefined> {
  const late = setTimeout(
    () => abort.abort(new TimeoutError(`Cannot wait for "${kind.name}" any longer`)),
    kind.timeoutMs,
  );
  const ended = Promise.withResolvers<never>();
  // A handler that does not heed the signal is left behind.
  abort.signal.addEventListener("abort", () => {
    setTimeout(() => ended.reject(abort.signal.reason), ABORT_GRACE_MS).unref();
  });
  try {
    if (!kind.check(job.payload)) throw new JobRefused("Cannot run: the payload does not fit");
    const context = {
      id: job.id,
      attempt: job.attempt,
      signal: abort.signal,
      log: log.child({ job: job.id, kind: kind.name }),
    };
    await Promise.race([run(job.payload, context), ended.promise]);
    return undefined;
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(late);
  }
}

interface Reported {
  store: JobStore;
  handler: JobHandler;
  entry: Running;
  log: Log;
}

async function report(
  { store, handler, entry, log }: Reported,
  failure: { error: unknown } | undefined,
): Promise<void> {
  const { job } = entry;
  const fields = { job: job.id, kind: job.kind, attempt: job.attempt };
  if (!failure) {
    if (await store.complete(job)) log.info("job done", fields);
    else log.warn("a job was done, but its lease was lost", fields);
    return;
  }
  if (entry.handBack) return void (await store.release(job, 0));
  const again = !(failure.error instanceof JobRefused);
  const chance = (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;
  const outcome = await store.fail(job, {
    error: describe(failure.error, job.attempt),
    delayMs: again ? retryDelayMs(handler.kind, job.attempt, chance) : undefined,
  });
  if (outcome === "dead") log.error("a job is dead", { ...fields, error: failure.error });
  else log.warn("a job failed", { ...fields, outcome, error: failure.error });
}

/** One line of the job's error history. */
function describe(error: unknown, attempt: number): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return JSON.stringify({ attempt, error: text.slice(0, MAX_ERROR) });
}

/** An outcome is told until Redis has taken it; every telling may be repeated. */
async function persist(tell: () => Promise<void>, log: Log): Promise<void> {
  const deadline = performance.now() + REPORT_LIMIT_MS;
  for (;;) {
    try {
      return await tell();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      log.debug("cannot report a job yet", { error });
      await Bun.sleep(RETRY_MS);
    }
  }
}
