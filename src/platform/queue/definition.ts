import type { TSchema } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";

import type { Log } from "../log.ts";

/** A kind of background work: its name, what it is told, and how patient we are with it. */
export interface JobKind<S extends TSchema = TSchema> {
  /** `<feature>.<what>`; it stands in stored rows, so it is never renamed. */
  name: string;
  queue: string;
  /** Raised whenever the payload's meaning changes, so that an older worker leaves the job alone. */
  version: number;
  payload: S;
  /** True when the value is a payload of this kind. */
  check: (value: unknown) => boolean;
  maxAttempts: number;
  timeoutMs: number;
  /** Wait before the second attempt; it doubles with each further one, and is spread by chance. */
  backoffMs: number;
}

export interface JobOptions<S extends TSchema> {
  payload: S;
  version?: number;
  maxAttempts?: number;
  timeoutMs?: number;
  backoffMs?: number;
}

export const DEFAULT_QUEUE = "default";
/** A payload names things by their ids; what is larger belongs into a table or a store. */
export const MAX_PAYLOAD_BYTES = 65_536;
const MAX_ATTEMPTS = 3;
const TIMEOUT_MS = 60_000;
const BACKOFF_MS = 2_000;
const MAX_BACKOFF_MS = 600_000;
/** Once a service that was away is back, nothing that was put off for it waits longer than this. */
const MAX_DEFERRAL_MS = 60_000;
/** Far behind the longest wait; more doublings would only leave the range of numbers. */
const MAX_DOUBLINGS = 30;

/** Declares a kind of work; it belongs into the schema.ts of its feature. */
export function defineJob<S extends TSchema>(name: string, options: JobOptions<S>): JobKind<S> {
  const checker = TypeCompiler.Compile(options.payload);
  return {
    name,
    queue: DEFAULT_QUEUE,
    version: options.version ?? 1,
    payload: options.payload,
    check: (value) => checker.Check(value),
    maxAttempts: options.maxAttempts ?? MAX_ATTEMPTS,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    backoffMs: options.backoffMs ?? BACKOFF_MS,
  };
}

/** What a handler is given beside the payload. */
export interface JobContext {
  /** The job's id: the same in every attempt, and so the key by which an effect is made once. */
  id: string;
  /** 1 for the first attempt. */
  attempt: number;
  /** Aborted when the time is up, the lease is lost, or the process stops. */
  signal: AbortSignal;
  log: Log;
}

/** A kind and what is done about it. */
export interface JobHandler {
  kind: JobKind;
  run: (payload: unknown, context: JobContext) => Promise<void>;
}

/** Ties a handler to its kind, so that the payload it gets is typed by it. */
export function handle<S extends TSchema>(
  kind: JobKind<S>,
  run: (payload: S["static"], context: JobContext) => Promise<void>,
): JobHandler {
  return { kind, run: (payload, context) => run(payload as S["static"], context) };
}

/** A handler throws this when trying again cannot help: the job goes to the dead letters at once. */
export class JobRefused extends Error {
  override readonly name = "JobRefused";
}

/**
 * Milliseconds until the next attempt: the doubled wait, of which the upper half is left to chance, so that what failed
 * together does not come back together. `chance` is from 0 to 1.
 */
export function retryDelayMs(kind: JobKind, attempt: number, chance: number): number {
  return doubledMs(
    { firstMs: kind.backoffMs, doublings: attempt - 1, maxMs: MAX_BACKOFF_MS },
    chance,
  );
}

/** Milliseconds until a job that was put off `deferrals` times before is tried again; spread by chance as well. */
export function deferralDelayMs(firstMs: number, deferrals: number, chance: number): number {
  return doubledMs({ firstMs, doublings: deferrals, maxMs: MAX_DEFERRAL_MS }, chance);
}

function doubledMs(
  { firstMs, doublings, maxMs }: { firstMs: number; doublings: number; maxMs: number },
  chance: number,
): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(MAX_DOUBLINGS, doublings));
  return Math.round(full * (0.5 + chance / 2));
}
