import { AppError, defineError } from "../errors.ts";
import type { Rate } from "./limits.ts";

export const RateLimited = defineError("rate_limited", 429, {
  en: "Too many at once; wait a moment",
  vi: "Gửi quá nhanh, vui lòng chờ một chút",
});

/** How much of what was wanted is admitted, and how long the rest has to wait; 0 when there is no rest. */
export interface Taken {
  admitted: number;
  waitMs: number;
}

/** What a rate remembers of one subject: the time at which all of its burst is there again. 0 for one that is new. */
export type RateState = number;

/**
 * The generic cell rate algorithm: everything that is admitted moves the time at which the burst is whole again by one
 * interval, and nothing is admitted that would move it further than the burst away from now.
 */
export function takeFrom(
  { count, perMs, burst }: Rate,
  state: RateState,
  { now, wanted }: { now: number; wanted: number },
): Taken & { state: RateState } {
  const intervalMs = perMs / count;
  const roomMs = burst * intervalMs;
  // A clock that was set back leaves nobody waiting longer than a whole burst takes.
  const from = Math.min(Math.max(state, now), now + roomMs);
  const room = Math.floor((now + roomMs - from) / intervalMs + ROUNDING);
  const admitted = Math.max(0, Math.min(wanted, room));
  const until = from + admitted * intervalMs;
  const waitMs =
    admitted === wanted ? 0 : Math.max(1, Math.ceil(until + intervalMs - roomMs - now - ROUNDING));
  return { state: until, admitted, waitMs };
}

/** Sums of intervals that are no whole milliseconds may miss their mark by this much. */
const ROUNDING = 1e-6;

/** The refusal of what has to wait. */
export function tooFast(waitMs: number): AppError {
  return new AppError(RateLimited, "Cannot take more yet", {
    afterMs: waitMs,
    headers: { "retry-after": String(Math.max(1, Math.ceil(waitMs / 1_000))) },
  });
}

/** Rates of many subjects, in this process. */
export interface Rates {
  /** @param admit counts all that is wanted although it may have to wait, because somebody else has admitted it. */
  take(subject: string, wanted: number, options?: { admit: boolean }): Taken;
  size(): number;
}

export interface RatesOptions {
  rate: Rate;
  /** In milliseconds; only differences count. */
  now: () => number;
  maxSubjects: number;
}

/** Whoever does not fit in shares one rate with all others like that: strict, but nobody can push out another. */
const OTHERS = "all others";

export function createRates({ rate, now, maxSubjects }: RatesOptions): Rates {
  const states = new Map<string, RateState>();

  function keyOf(subject: string, at: number): string {
    if (states.has(subject)) return subject;
    if (states.size >= maxSubjects)
      for (const [key, state] of states) if (state <= at) states.delete(key);
    return states.size < maxSubjects ? subject : OTHERS;
  }
  return {
    take: (subject, wanted, { admit } = { admit: false }) => {
      const at = now();
      const key = keyOf(subject, at);
      const { state, ...taken } = takeFrom(rate, states.get(key) ?? 0, { now: at, wanted });
      states.set(key, state);
      return admit ? { admitted: wanted, waitMs: 0 } : taken;
    },
    size: () => states.size,
  };
}
