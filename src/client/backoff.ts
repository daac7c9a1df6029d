const FIRST_MS = 1_000;
const CAP_MS = 30_000;
const MAX_DOUBLINGS = 5;
const RANDOM_VALUES = 2 ** 32;

/** How long to wait before an attempt: full jitter, so that clients that were cut off together do not return together. */
export function backoffMs(attempt: number): number {
  return between(0, Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(attempt, MAX_DOUBLINGS)));
}

/** A random time of a window, in whole milliseconds. */
export function between(fromMs: number, toMs: number): number {
  const [value = 0] = crypto.getRandomValues(new Uint32Array(1));
  return Math.round(fromMs + (value / RANDOM_VALUES) * Math.max(0, toMs - fromMs));
}
