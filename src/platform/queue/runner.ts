import type { Log, LogFields } from "../log.ts";
import type { Redis } from "../redis.ts";
import { pause, TimeoutError } from "../time.ts";
import { attempt, type Failure } from "./attempt.ts";
import { deferralDelayMs, type JobHandler, retryDelayMs } from "./definition.ts";
import type { WorkerMessage } from "./messages.ts";
import type { JobStore, StartedJob, Ticket } from "./store.ts";

/** Takes jobs from one queue and runs them, several at once, until it is told to stop. */
export interface Runner {
  /** Resolves when everything that was begun is finished or handed back. */
  run(): Promise<void>;
  stop(graceMs: number): void;
  /** Gives up jobs, named by their entries, that may have been given to somebody else. */
  abandon(entries: string[]): void;
}

export interface RunnerLimits {
  /** A handler that was told to end gets this long before its job is taken for failed. */
  abortGraceMs: number;
  /** Longer than this, the outcome of a job is not held back for a Redis that is away: its lease is over. */
  reportMs: number;
  /** A kind that this version does not know waits for a worker that does. */
  unknownDelayMs: number;
  /** The first wait of a job whose handler found Postgres or another service away; it doubles with each further one. */
  deferralMs: number;
}

export interface RunnerOptions {
  store: JobStore;
  /** A connection of its own, on which the wait for work blocks. */
  reader: Redis;
  handlers: JobHandler[];
  consumer: string;
  log: Log;
  tell: (message: WorkerMessage) => void;
  limits?: Partial<RunnerLimits> | undefined;
}

/** Handlers mostly wait for other machines, so one thread serves several jobs. */
const CONCURRENCY = 8;
const FETCH_WAIT_MS = 2_000;
const RETRY_MS = 250;
const LIMITS: RunnerLimits = {
  abortGraceMs: 5_000,
  reportMs: 60_000,
  unknownDelayMs: 30_000,
  deferralMs: 1_000,
};
/** Three weeks of the longest wait. What finds its service away for longer spends attempts, so that every job ends. */
const MAX_DEFERRALS = 40_000;

interface Running {
  job: StartedJob;
  abort: AbortController;
  /** Set when the process stops: the job is handed back instead of failed. */
  handBack: boolean;
}

export function createRunner(options: RunnerOptions): Runner {
  const { store, reader, consumer, log, tell } = options;
  const limits = { ...LIMITS, ...options.limits };
  const handlers = new Map(options.handlers.map((handler) => [handler.kind.name, handler]));
  /** By entry, because a job whose lease was lost may come again while its former attempt still runs. */
  const running = new Map<string, Running>();
  const working = new Set<Promise<void>>();
  /** Tickets of jobs that may have ended a worker; each runs alone, so that the next end tells whose fault it was. */
  const suspects: Ticket[] = [];
  const stopping = new AbortController();
  const stopped = Promise.withResolvers<void>();
  let graceMs = 0;
  let isGraceOver = false;

  async function fetch(): Promise<Ticket[]> {
    if (!reader.isReady()) return await idle();
    try {
      const limit = CONCURRENCY - working.size;
      return await store.fetch(reader, { consumer, limit, waitMs: FETCH_WAIT_MS });
    } catch (error) {
      if (stopping.signal.aborted) return [];
      log.warn("cannot fetch jobs", { error });
      if (error instanceof TimeoutError) await reconnect();
      return await idle();
    }
  }
  /** Redis ends a wait in time, so a connection on which it lasts longer leads nowhere, whatever its state says. */
  async function reconnect(): Promise<void> {
    const { client } = reader;
    if (client.isOpen) client.destroy();
    // This ends with the stop at the latest, because that closes the connection once more.
    await client.connect().catch((error: unknown) => log.debug("cannot reconnect", { error }));
  }
  async function idle(): Promise<Ticket[]> {
    await pause(RETRY_MS, stopping.signal);
    return [];
  }
  /** Waits until `work` is over or the stop begins. */
  async function untilStopOr(work: Promise<unknown>): Promise<void> {
    await Promise.race([work, stopped.promise]);
  }
  function untilAlone(): Promise<void> {
    return untilStopOr(Promise.all(working));
  }
  async function begin(ticket: Ticket, { alone }: { alone: boolean }): Promise<void> {
    const start = () => store.start(ticket, { alone });
    try {
      const job = await persist(start, { limitMs: limits.reportMs, log, signal: stopping.signal });
      if (job === "suspect") {
        suspects.push(ticket);
        tell({ type: "held", job: { ...ticket, token: "" }, limitMs: Infinity });
      } else if (job) {
        const done = work(job).finally(() => working.delete(done));
        working.add(done);
      }
    } catch (error) {
      // The ticket stays pending, and is put back into the line when its lease is over.
      log.warn("cannot start a job", { job: ticket.id, error });
    }
  }
  async function runAlone(ticket: Ticket): Promise<void> {
    await untilAlone();
    // What is not begun stays pending, and the supervisor puts it back.
    if (stopping.signal.aborted) return;
    await begin(ticket, { alone: true });
    await untilAlone();
    tell({ type: "freed", entry: ticket.entry });
  }
  async function work(job: StartedJob): Promise<void> {
    const entry: Running = { job, abort: new AbortController(), handBack: false };
    running.set(job.entry, entry);
    try {
      await settle(entry);
    } catch (error) {
      log.warn("cannot report a job; its lease will end", { job: job.id, error });
    } finally {
      running.delete(job.entry);
      tell({ type: "freed", entry: job.entry });
    }
  }
  /** Runs the job and tells Redis what became of it. */
  async function settle(entry: Running): Promise<void> {
    const { job } = entry;
    const { id, token } = job;
    const { abortGraceMs, reportMs } = limits;
    const hold = (limitMs: number) =>
      tell({ type: "held", job: { id, entry: job.entry, token }, limitMs: limitMs + abortGraceMs });
    const handler = handlers.get(job.kind);
    const isKnown = handler !== undefined && handler.kind.version >= job.version;
    if (!isKnown || isGraceOver) {
      const delayMs = isKnown ? 0 : limits.unknownDelayMs;
      hold(reportMs);
      return void (await persist(() => store.release(job, delayMs), { limitMs: reportMs, log }));
    }
    hold(handler.kind.timeoutMs + abortGraceMs);
    const failure = await attempt({ handler, job, abort: entry.abort, abortGraceMs, log });
    // Only Redis can keep us waiting now, and that is no fault of the thread.
    hold(reportMs);
    const { deferralMs } = limits;
    const move = () => conclude(entry, { store, handler, failure, deferralMs });
    const outcome = await persist(move, { limitMs: reportMs, log });
    const cause = failure ? { error: failure.error } : {};
    tellOutcome(log, outcome, { job: id, kind: job.kind, attempt: job.attempt, ...cause });
  }
  async function drain(): Promise<void> {
    const all = Promise.allSettled(working);
    const grace = new AbortController();
    void all.then(() => grace.abort());
    await pause(graceMs, grace.signal);
    isGraceOver = true;
    for (const entry of running.values()) {
      entry.handBack = true;
      entry.abort.abort(new Error("the process stops"));
    }
    await all;
  }
  return {
    run: async () => {
      while (!stopping.signal.aborted) {
        const suspect = suspects.shift();
        if (suspect) {
          await runAlone(suspect);
          continue;
        }
        if (working.size >= CONCURRENCY) {
          await untilStopOr(Promise.race(working));
          continue;
        }
        const tickets = await fetch();
        // What comes too late stays pending, and the supervisor puts it back.
        if (!stopping.signal.aborted)
          await Promise.all(tickets.map((ticket) => begin(ticket, { alone: false })));
      }
      await drain();
    },
    stop: (ms) => {
      graceMs = ms;
      stopping.abort();
      stopped.resolve();
      // Ends a fetch that still waits for work.
      void reader.close().catch(() => undefined);
    },
    abandon: (entries) => {
      for (const entry of entries) running.get(entry)?.abort.abort(new Error("the lease was lost"));
    },
  };
}

interface Concluded {
  store: JobStore;
  handler: JobHandler;
  failure: Failure | undefined;
  deferralMs: number;
}

/** Moves a job on after an attempt. @returns what became of it. */
async function conclude(
  { job, handBack }: Running,
  { store, handler, failure, deferralMs }: Concluded,
): Promise<string> {
  if (!failure) return (await store.complete(job)) ? "done" : "lost";
  if (handBack) return (await store.release(job, 0)) ? "handed back" : "lost";
  const chance = (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;
  if (failure.isAway && job.deferrals < MAX_DEFERRALS) {
    const waitMs = deferralDelayMs(deferralMs, job.deferrals, chance);
    return (await store.defer(job, waitMs)) ? "put off" : "lost";
  }
  const delayMs = failure.isFinal ? undefined : retryDelayMs(handler.kind, job.attempt, chance);
  return await store.fail(job, { error: failure.text, delayMs });
}

function tellOutcome(log: Log, outcome: string, fields: LogFields): void {
  if (outcome === "dead") log.error("a job is dead", fields);
  else if (outcome === "done") log.info("job done", fields);
  else log.warn("a job is not done", { ...fields, outcome });
}

interface Persistence {
  limitMs: number;
  log: Log;
  /** Ends the repetition, for what somebody else may do as well. */
  signal?: AbortSignal;
}

/** Tells Redis something until it has taken it; every telling may be repeated. */
async function persist<T>(
  tell: () => Promise<T>,
  { limitMs, log, signal }: Persistence,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    try {
      return await tell();
    } catch (error) {
      if (performance.now() > deadline || signal?.aborted) throw error;
      log.debug("cannot tell Redis about a job yet", { error });
      await Bun.sleep(RETRY_MS);
    }
  }
}
