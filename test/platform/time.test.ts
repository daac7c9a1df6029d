import { expect, test } from "bun:test";
import { getEventListeners } from "node:events";

import {
  createDeadlines,
  createWakeUp,
  pause,
  TimeoutError,
  withTimeout,
} from "../../src/platform/time.ts";

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

test("waits that share a timer end with their work, or one after the other when their time is over", async () => {
  const deadlines = createDeadlines(50);
  expect(await deadlines.bound(Promise.resolve(1), "work")).toBe(1);
  const failing = deadlines.bound(Promise.reject(new RangeError("x")), "work");
  expect(await failing.catch((error: unknown) => error)).toBeInstanceOf(RangeError);
  const never = Promise.withResolvers<void>().promise;
  const ended: string[] = [];
  const startedAt = performance.now();
  const waits = ["the moon", "the sun"].map((what) =>
    deadlines.bound(never, what).catch((error: unknown) => {
      expect(error).toBeInstanceOf(TimeoutError);
      ended.push(String(error));
    }),
  );
  expect(await deadlines.bound(Promise.resolve(2), "work")).toBe(2);
  expect(ended).toEqual([]);
  await Promise.all(waits);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(49);
  expect(ended.map((text) => /the \w+/.exec(text)?.[0])).toEqual(["the moon", "the sun"]);
  // The timer that ended with the last of them starts again for the next.
  const last = await deadlines.bound(never, "the stars").catch((error: unknown) => error);
  expect(String(last)).toContain("the stars");
});

test("a pause ends at once when its signal is aborted", async () => {
  const stop = new AbortController();
  const paused = pause(60_000, stop.signal);
  stop.abort();
  await paused;
  await pause(60_000, stop.signal);
});

test("a wait ends when it is woken, when its time is over, and when its signal is aborted", async () => {
  const stop = new AbortController();
  const wakeUp = createWakeUp();
  const woken = wakeUp.wait(60_000, stop.signal);
  wakeUp.wake();
  await woken;
  await wakeUp.wait(1, stop.signal);
  const aborted = wakeUp.wait(60_000, stop.signal);
  stop.abort();
  await aborted;
  await wakeUp.wait(60_000, stop.signal);
});

test("a call that comes while nobody waits ends the next wait, and only that one", async () => {
  const stop = new AbortController();
  const wakeUp = createWakeUp();
  wakeUp.wake();
  wakeUp.wake();
  await wakeUp.wait(60_000, stop.signal);
  let isOver = false;
  const next = wakeUp.wait(60_000, stop.signal).then(() => (isOver = true));
  await pause(5, stop.signal);
  expect(isOver).toBe(false);
  wakeUp.wake();
  await next;
});

test("a wait that is over leaves nothing at its signal", async () => {
  const stop = new AbortController();
  const wakeUp = createWakeUp();
  for (let time = 0; time < 5; time += 1) {
    const waiting = wakeUp.wait(60_000, stop.signal);
    wakeUp.wake();
    await waiting;
    await pause(1, stop.signal);
  }
  expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
});
