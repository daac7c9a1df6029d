import { expect, test } from "bun:test";

import { backoffMs, between } from "../../src/client/backoff.ts";

const SAMPLES = 500;

function sample(attempt: number): number[] {
  return Array.from({ length: SAMPLES }, () => backoffMs(attempt));
}

test.each([
  [0, 1_000],
  [1, 2_000],
  [3, 8_000],
  [5, 30_000],
  [1_000_000, 30_000],
])("attempt %i waits a random time of up to %i ms", (attempt, capMs) => {
  const waits = sample(attempt);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...waits)).toBeLessThanOrEqual(capMs);
  // The whole window is used, so that clients that were cut off together are spread over it.
  expect(Math.min(...waits)).toBeLessThan(capMs * 0.1);
  expect(Math.max(...waits)).toBeGreaterThan(capMs * 0.9);
});

test("a window that is turned round or empty is its first end", () => {
  expect([between(7, 7), between(7, 3)]).toEqual([7, 7]);
});
