import { expect, setDefaultTimeout, test } from "bun:test";

import fc from "fast-check";

import { AppError, DependencyUnavailable } from "../../src/platform/errors.ts";
import { createKeys } from "../../src/platform/keys.ts";
import { createThrottle } from "../../src/platform/throttle.ts";
import {
  age,
  ask,
  attempt,
  exhaust,
  NOISE_S,
  openTestThrottles,
  unique,
  waitOf,
} from "../support/throttle.ts";

setDefaultTimeout(30_000);

test("Retry-After is never early, and never longer than it need be, whatever went before", async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant("fail") },
    { weight: 1, arbitrary: fc.constant("succeed") },
    { weight: 1, arbitrary: fc.constant("cancel") },
    { weight: 2, arbitrary: fc.nat(900_000) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      await using one = await openTestThrottles();
      const tried = attempt("lan", "203.0.113.7");
      for (const [index, what] of steps.entries()) {
        const throttle = index % 2 === 0 ? one.here : one.there;
        if (typeof what === "number") {
          await age(one.client, one.prefix, what);
          continue;
        }
        const answer = await ask(throttle, tried);
        if (typeof answer === "object" && what === "succeed") await answer.succeed();
        if (typeof answer === "object" && what === "cancel") await answer.cancel();
      }
      await exhaust(one.here, tried);
      const wait = await waitOf(one.there, tried);
      const early = Math.max(0, wait - NOISE_S);
      if (early > 0) {
        await age(one.client, one.prefix, early * 1_000);
        expect(await waitOf(one.there, tried)).toBeLessThanOrEqual(NOISE_S);
      }
      await age(one.client, one.prefix, (wait - early) * 1_000);
      expect(typeof (await ask(one.there, tried))).toBe("object");
    }),
    { numRuns: 20 },
  );
});

/** The rules in Redis and those in the process, side by side, on a clock that both take for theirs. */
test("Redis and the process alone decide alike, over hundreds of random steps", async () => {
  const step = fc.record({
    account: fc.constantFrom("lan", "minh"),
    caller: fc.constantFrom("203.0.113.7", "198.51.100.9", "192.0.2.1"),
    end: fc.constantFrom("fail", "fail", "fail", "succeed", "cancel", "later"),
    passMs: fc.oneof(
      fc.constant(0),
      fc.constant(0),
      fc.constant(0),
      fc.nat(50_000),
      fc.nat(2_000_000),
    ),
  });
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 80 }), async (steps) => {
      await using one = await openTestThrottles();
      let passed = 0;
      const away = () => Promise.reject(new AppError(DependencyUnavailable, "away"));
      const alone = createThrottle({
        redis: { run: away },
        keys: createKeys("x"),
        scale: 1,
        now: () => new Date(Date.now() + passed),
      });
      const scope = unique("scope");
      const open: (() => Promise<void>)[] = [];
      for (const { account, caller, end, passMs } of steps) {
        passed += passMs;
        if (passMs > 0) await age(one.client, one.prefix, passMs);
        const tried = attempt(account, caller, scope);
        const [shared, own] = [await ask(one.here, tried), await ask(alone, tried)];
        const waits = [shared, own].map((answer) => (typeof answer === "number" ? answer : 0));
        const [a = 0, b = 0] = waits;
        // At the very edge of a wait, the moments between the two questions decide.
        if (typeof shared !== typeof own && Math.max(a, b) <= NOISE_S) return;
        expect([typeof own, Math.abs(a - b) <= NOISE_S]).toEqual([typeof shared, true]);
        if (typeof shared === "number" || typeof own === "number") continue;
        compared += 1;
        const settle = async () => {
          const what = end === "later" ? "cancel" : end;
          if (what === "fail") return;
          await Promise.all([shared[what](), own[what]()]);
        };
        if (end === "later") open.push(settle);
        else await settle();
        if (open.length > 2) await open.shift()?.();
      }
    }),
    { numRuns: 20 },
  );
  expect(compared).toBeGreaterThan(100);
});
