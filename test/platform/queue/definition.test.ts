import { expect, test } from "bun:test";

import { Type } from "@sinclair/typebox";
import fc from "fast-check";

import {
  DEFAULT_QUEUE,
  deferralDelayMs,
  defineJob,
  handle,
  JobRefused,
  retryDelayMs,
} from "../../../src/platform/queue/definition.ts";

const payload = Type.Object({ userId: Type.String({ minLength: 1 }) });
const MAX_BACKOFF_MS = 600_000;

test("a kind tries three times, within a minute each, unless it says otherwise", () => {
  const kind = defineJob("test.plain", { payload });
  expect(kind).toMatchObject({ name: "test.plain", queue: DEFAULT_QUEUE, version: 1 });
  expect(kind).toMatchObject({ maxAttempts: 3, timeoutMs: 60_000, backoffMs: 2_000 });
  const own = { version: 4, maxAttempts: 9, timeoutMs: 5, backoffMs: 7 };
  expect(defineJob("test.own", { payload, ...own })).toMatchObject(own);
});

test("only what is of the schema is a payload", () => {
  const { check } = defineJob("test.checked", { payload });
  expect(check({ userId: "u" })).toBe(true);
  for (const wrong of [undefined, null, "u", [], {}, { userId: "" }, { userId: 1 }])
    expect(check(wrong)).toBe(false);
});

test("a handler gets the payload and the context as they are, and its failure comes back", async () => {
  const kind = defineJob("test.handled", { payload });
  const seen: unknown[] = [];
  const handler = handle(kind, async ({ userId }, context) => {
    seen.push(userId, context);
    throw new JobRefused("no");
  });
  const context = { id: "1", attempt: 1 } as Parameters<typeof handler.run>[1];
  expect(handler.kind.name).toBe("test.handled");
  expect(await handler.run({ userId: "u" }, context).catch((error: unknown) => error)).toEqual(
    new JobRefused("no"),
  );
  expect(seen).toEqual(["u", context]);
});

test("a wait is between half of the doubled wait and the whole of it, and never above the limit", () => {
  const chances = fc.double({ min: 0, max: 1, noNaN: true });
  const attempts = fc.integer({ min: 1, max: 32_767 });
  const waits = fc.integer({ min: 0, max: 3_600_000 });
  fc.assert(
    fc.property(waits, attempts, chances, (backoffMs, attempt, chance) => {
      const kind = defineJob("test.wait", { payload, backoffMs });
      const delay = retryDelayMs(kind, attempt, chance);
      const full = Math.min(MAX_BACKOFF_MS, backoffMs * 2 ** Math.min(attempt - 1, 100));
      expect(Number.isSafeInteger(delay)).toBe(true);
      expect(delay).toBeGreaterThanOrEqual(Math.floor(full / 2));
      expect(delay).toBeLessThanOrEqual(Math.min(MAX_BACKOFF_MS, Math.ceil(full)));
    }),
    { seed: 20_261, numRuns: 500 },
  );
});

test("a job that is put off waits a little longer each time, and a minute at most", () => {
  expect([0, 1, 2, 3].map((times) => deferralDelayMs(1_000, times, 1))).toEqual([
    1_000, 2_000, 4_000, 8_000,
  ]);
  expect(deferralDelayMs(1_000, 0, 0)).toBe(500);
  expect([6, 100, 40_000].map((times) => deferralDelayMs(1_000, times, 1))).toEqual([
    60_000, 60_000, 60_000,
  ]);
});

test("what failed together comes back spread over half of the wait, and later each time", () => {
  const kind = defineJob("test.spread", { payload, backoffMs: 1_000 });
  expect([0, 0.5, 1].map((chance) => retryDelayMs(kind, 1, chance))).toEqual([500, 750, 1_000]);
  expect([1, 2, 3, 4].map((attempt) => retryDelayMs(kind, attempt, 1))).toEqual([
    1_000, 2_000, 4_000, 8_000,
  ]);
});
