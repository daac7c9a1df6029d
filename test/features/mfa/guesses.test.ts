import { expect, test } from "bun:test";

import fc from "fast-check";

import { addFailure, waitForGuessMs } from "../../../src/features/mfa/service/guesses.ts";

const WINDOW_MS = 300_000;

/** The times at which wrong codes were taken, of those at which they came. */
function taken(times: number[]): number[] {
  let until: Date | null = null;
  return times.filter((time) => {
    const now = new Date(time);
    if (waitForGuessMs(until, now) > 0) return false;
    until = addFailure(until, now);
    return true;
  });
}

test("in no five minutes are there more than five wrong codes, however they are spread", () => {
  const gaps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: WINDOW_MS * 2 })), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(gaps, (waits) => {
      let at = 1_800_000_000_000;
      const counted = taken(waits.map((wait) => (at += wait)));
      return counted.every(
        (first) => counted.filter((time) => time >= first && time < first + WINDOW_MS).length <= 5,
      );
    }),
  );
});

test("five come at once, then one in five minutes; after a rest there are five again", () => {
  const start = 1_800_000_000_000;
  const all = (at: number) => Array.from({ length: 9 }, () => at);
  expect(taken(all(start))).toHaveLength(5);
  expect(taken([...all(start), start + WINDOW_MS - 1])).toHaveLength(5);
  expect(taken([...all(start), ...all(start + WINDOW_MS)])).toHaveLength(6);
  expect(taken([...all(start), ...all(start + WINDOW_MS * 5)])).toHaveLength(10);
});

test("whoever has to wait is told for how long, and then need not wait any more", () => {
  let until: Date | null = null;
  const start = new Date(1_800_000_000_000);
  for (let count = 0; count < 5; count += 1) until = addFailure(until, start);
  const waitMs = waitForGuessMs(until, start);
  expect(waitMs).toBe(WINDOW_MS);
  expect(waitForGuessMs(until, new Date(start.getTime() + waitMs))).toBe(0);
});
