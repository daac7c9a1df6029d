/** Wrong codes that an account has at once; each is forgiven after the time below, so there are never more in it. */
const MAX_FAILURES = 5;
const FORGIVEN_MS = 300_000;

/** Milliseconds until a code may be tried again. `until` is when all failures so far are forgiven. */
export function waitForGuessMs(until: Date | null, now: Date): number {
  const owedMs = until ? until.getTime() - now.getTime() : 0;
  return Math.max(0, owedMs - (MAX_FAILURES - 1) * FORGIVEN_MS);
}

/** When all failures are forgiven, after one more. */
export function addFailure(until: Date | null, now: Date): Date {
  return new Date(Math.max(until?.getTime() ?? 0, now.getTime()) + FORGIVEN_MS);
}
