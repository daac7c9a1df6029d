import { AppError, DependencyUnavailable, Overloaded } from "../errors.ts";
import type { Log } from "../log.ts";
import { TimeoutError } from "../time.ts";
import { type JobHandler, JobRefused } from "./definition.ts";
import type { StartedJob } from "./store.ts";

/** What went wrong in an attempt. */
export interface Failure {
  error: unknown;
  /** One line for the job's history. */
  text: string;
  /** Whether no further attempt can help. */
  isFinal: boolean;
  /** Whether Postgres, Redis or another service was away or too busy, which says nothing about the job. */
  isAway: boolean;
}

export interface AttemptOptions {
  handler: JobHandler;
  job: StartedJob;
  abort: AbortController;
  /** A handler that was told to end gets this long before it is left behind. */
  abortGraceMs: number;
  log: Log;
}

const MAX_TEXT = 500;

/** Runs a job's handler once, within its time. @returns what went wrong, or undefined. */
export async function attempt(options: AttemptOptions): Promise<Failure | undefined> {
  const { job, abort, abortGraceMs } = options;
  const { kind, run } = options.handler;
  const late = setTimeout(
    () => abort.abort(new TimeoutError(`Cannot wait for "${kind.name}" any longer`)),
    kind.timeoutMs,
  );
  const ended = Promise.withResolvers<never>();
  let giveUp: ReturnType<typeof setTimeout> | undefined;
  const onAbort = () => {
    giveUp = setTimeout(() => ended.reject(abort.signal.reason), abortGraceMs);
  };
  abort.signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (!kind.check(job.payload)) throw new JobRefused("Cannot run: the payload does not fit");
    const log = options.log.child({ job: job.id, kind: kind.name });
    const context = { id: job.id, attempt: job.attempt, signal: abort.signal, log };
    await Promise.race([run(job.payload, context), ended.promise]);
    return undefined;
  } catch (error) {
    const text = JSON.stringify({ attempt: job.attempt, error: describe(error) });
    return { error, text, isFinal: error instanceof JobRefused, isAway: isAway(error) };
  } finally {
    // An abort that comes later must find nobody to tell.
    clearTimeout(late);
    clearTimeout(giveUp);
    abort.signal.removeEventListener("abort", onAbort);
  }
}

function isAway(error: unknown): boolean {
  return (
    error instanceof AppError && (error.kind === DependencyUnavailable || error.kind === Overloaded)
  );
}

/** A handler may throw anything, even what cannot be turned into text. */
function describe(error: unknown): string {
  try {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return text.slice(0, MAX_TEXT);
  } catch {
    return "what was thrown cannot be told";
  }
}
