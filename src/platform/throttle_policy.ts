/**
 * How often something may fail. Failures are forgiven one by one, each after `longestWaitMs`. Whoever has used up the
 * free ones waits, at first `firstWaitMs` and twice as long with each failure more, but never longer than
 * `longestWaitMs`. So nobody is ever locked out, and in the long run there is one try in `longestWaitMs`.
 */
export interface ThrottlePolicy {
  /** Part of the key in Redis. */
  name: string;
  freeFailures: number;
  firstWaitMs: number;
  longestWaitMs: number;
  /** Whether a success forgives every failure, instead of only not being one. */
  isResetBySuccess?: boolean;
  /** Whether the wait does not hold for a caller who has succeeded with this very account before. */
  isWaivedForKnown?: boolean;
}

/** How long a success makes a caller known to an account. */
export const KNOWN_LIFE_MS = 30 * 86_400_000;
/** Callers known to one account; the one that was there longest ago makes room. */
export const MAX_KNOWN = 8;

/** More is allowed, and more often; never less than one failure. */
export function scalePolicy(policy: ThrottlePolicy, scale: number): ThrottlePolicy {
  const longestWaitMs = Math.max(1, Math.round(policy.longestWaitMs / scale));
  return {
    ...policy,
    freeFailures: Math.max(1, Math.round(policy.freeFailures * scale)),
    firstWaitMs: Math.min(policy.firstWaitMs, longestWaitMs),
    longestWaitMs,
  };
}

/** The level at which a wait is the longest; more failures count no further, so that every count ends in time. */
export function highestLevel(policy: ThrottlePolicy): number {
  const { freeFailures, firstWaitMs, longestWaitMs } = policy;
  return freeFailures + Math.log2(longestWaitMs / firstWaitMs);
}
