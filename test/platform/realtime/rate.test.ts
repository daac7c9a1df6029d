import { expect, test } from "bun:test";

import fc from "fast-check";

import type { Rate } from "../../../src/platform/realtime/limits.ts";
import { createRates, takeFrom, tooFast } from "../../../src/platform/realtime/rate.ts";

const FIVE_A_SECOND: Rate = { count: 5, perMs: 1_000, burst: 10 };

test("a whole burst is admitted at once, then one in each interval, and the wait is told", () => {
  const first = takeFrom(FIVE_A_SECOND, 0, { now: 1_000, wanted: 12 });
  expect(first).toEqual({ admitted: 10, waitMs: 200, state: 3_000 });
  const { state } = first;
  expect(takeFrom(FIVE_A_SECOND, state, { now: 1_199, wanted: 1 })).toMatchObject({
    admitted: 0,
    waitMs: 1,
  });
  expect(takeFrom(FIVE_A_SECOND, state, { now: 1_200, wanted: 2 })).toMatchObject({
    admitted: 1,
    waitMs: 200,
  });
  expect(takeFrom(FIVE_A_SECOND, state, { now: 3_000, wanted: 10 })).toMatchObject({
    admitted: 10,
    waitMs: 0,
  });
});

test("a clock that was set back makes nobody wait longer than a burst takes", () => {
  const { state } = takeFrom(FIVE_A_SECOND, 0, { now: 1_000_000, wanted: 10 });
  expect(takeFrom(FIVE_A_SECOND, state, { now: 1_000, wanted: 1 }).waitMs).toBe(200);
});

const rates = fc.record({
  count: fc.integer({ min: 1, max: 1_000 }),
  perMs: fc.integer({ min: 1, max: 20_000 }),
  burst: fc.integer({ min: 1, max: 1_000 }),
});
const calls = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 5_000 }),
    wanted: fc.integer({ min: 1, max: 200 }),
  }),
  { minLength: 1, maxLength: 40 },
);

test("in no stretch of time is more admitted than the burst and the rate together allow", () => {
  fc.assert(
    fc.property(rates, calls, (rate, list) => {
      let [state, now, total] = [0, 1_000_000, 0];
      const startedAt = now;
      for (const { afterMs, wanted } of list) {
        now += afterMs;
        const taken = takeFrom(rate, state, { now, wanted });
        state = taken.state;
        total += taken.admitted;
        const allowed = rate.burst + ((now - startedAt) * rate.count) / rate.perMs;
        expect(total).toBeLessThanOrEqual(allowed + 0.001);
        expect(taken.admitted).toBeGreaterThanOrEqual(0);
        expect(taken.admitted).toBeLessThanOrEqual(wanted);
      }
    }),
  );
});

test("whoever waits as long as it was told is admitted, and not before that", () => {
  fc.assert(
    fc.property(rates, calls, (rate, list) => {
      let [state, now] = [0, 1_000_000];
      for (const { afterMs, wanted } of list) {
        now += afterMs;
        const taken = takeFrom(rate, state, { now, wanted });
        state = taken.state;
        expect(taken.waitMs > 0).toBe(taken.admitted < wanted);
        if (taken.waitMs === 0) continue;
        const at = (moment: number) => takeFrom(rate, state, { now: moment, wanted: 1 }).admitted;
        expect(at(now + taken.waitMs)).toBe(1);
        if (taken.waitMs > 1) expect(at(now + taken.waitMs - 1)).toBe(0);
      }
    }),
  );
});

test("the refusal tells the wait in milliseconds, and to HTTP in whole seconds", () => {
  const { kind, extras } = tooFast(1_200);
  expect([kind.code, kind.status, extras.afterMs]).toEqual(["rate_limited", 429, 1_200]);
  expect(extras.headers).toEqual({ "retry-after": "2" });
});

test("subjects have rates of their own, up to a number of them; the rest share one and push out nobody", () => {
  let now = 1_000;
  const rated = createRates({ rate: FIVE_A_SECOND, now: () => now, maxSubjects: 2 });
  expect(rated.take("lan", 10).admitted).toBe(10);
  expect(rated.take("minh", 4).admitted).toBe(4);
  for (let n = 0; n < 100; n += 1) rated.take(`stranger ${n}`, 1);
  expect(rated.size()).toBe(3);
  expect(rated.take("another stranger", 1).admitted).toBe(0);
  expect(rated.take("lan", 1).admitted).toBe(0);
  expect(rated.take("minh", 6).admitted).toBe(6);
  now += 60_000;
  expect(rated.take("another stranger", 1).admitted).toBe(1);
  expect(rated.size()).toBe(1);
});
