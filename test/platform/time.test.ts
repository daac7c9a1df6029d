import { expect, test } from "bun:test";

import { pause, TimeoutError, withTimeout } from "../../src/platform/time.ts";

test("work in time passes its result and its error on", async () => {
  const options = { what: "work", timeoutMs: 1_000 };
  expect(await withTimeout(Promise.resolve(1), options)).toBe(1);
  const failing = withTimeout(Promise.reject(new RangeError("x")), options);
  expect(await failing.catch((error: unknown) => error)).toBeInstanceOf(RangeError);
});

test("work that never ends is given up, by name", async () => {
  const never = Promise.withResolvers<void>().promise;
  const outcome = await withTimeout(never, { what: "the moon", timeoutMs: 5 }).catch(
    (e: unknown) => e,
  );
  expect(outcome).toBeInstanceOf(TimeoutError);
  expect(String(outcome)).toContain("the moon");
});

test("a pause ends at once when its signal is aborted", async () => {
  const stop = new AbortController();
  const paused = pause(60_000, stop.signal);
  stop.abort();
  await paused;
  await pause(60_000, stop.signal);
});
