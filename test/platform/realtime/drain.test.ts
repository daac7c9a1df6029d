import { expect, test } from "bun:test";

import { type Drained, drainSockets } from "../../../src/platform/realtime/drain.ts";
import { until } from "../../support/poll.ts";

interface Fake {
  ws: Drained;
  /** What it was told, and its close. */
  told: unknown[];
  at: () => number;
}

function openFake(handling?: Promise<void>): Fake {
  const told: unknown[] = [];
  let closedAt = 0;
  const ws: Drained = {
    data: { handling },
    send: (text) => told.push(JSON.parse(text as string)),
    close: (code) => {
      told.push(code);
      closedAt = performance.now();
    },
  };
  return { ws, told, at: () => closedAt };
}

const atOnce = AbortSignal.abort();
const never = new AbortController().signal;

async function drain(fakes: Fake[], signal = atOnce): Promise<Fake[]> {
  await drainSockets(new Set(fakes.map(({ ws }) => ws)), signal);
  return fakes;
}

test.each([
  [1, 1_000],
  [200, 1_000],
  [600, 3_000],
  [1_600, 8_000],
  [10_000, 8_000],
])("each of %i sockets is told to come back within %i ms, and closed", async (count, spread) => {
  const fakes = await drain(Array.from({ length: count }, () => openFake()));
  const expected = [{ t: "away", in: [0, spread], why: "deploy" }, 4001];
  expect(new Set(fakes.map(({ told }) => JSON.stringify(told)))).toEqual(
    new Set([JSON.stringify(expected)]),
  );
});

test("few sockets are told at once, and more of them batch by batch", async () => {
  const few = await drain(
    Array.from({ length: 100 }, () => openFake()),
    never,
  );
  const times = few.map(({ at }) => at());
  expect(Math.max(...times) - Math.min(...times)).toBeLessThan(200);
  const more = await drain(
    Array.from({ length: 201 }, () => openFake()),
    never,
  );
  const [first, second, third] = [more[99]?.at(), more[199]?.at(), more[200]?.at()].map(Number);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(200);
  expect((third ?? 0) - (second ?? 0)).toBeGreaterThan(200);
});

test("what a client has sent is handled before it is told, and holds up nobody else", async () => {
  const hand = Promise.withResolvers<void>();
  const [busy, idle] = [openFake(hand.promise), openFake()];
  let isDone = false;
  const draining = drain([busy, idle]).then(() => (isDone = true));
  await until("the idle one is closed", () => idle.told.length === 2);
  expect([busy.told, isDone]).toEqual([[], false]);
  hand.resolve();
  await draining;
  expect(busy.told.at(-1)).toBe(4001);
});

test("a socket that has gone by itself meanwhile is told nothing", async () => {
  const fakes = Array.from({ length: 101 }, () => openFake());
  const sockets = new Set(fakes.map(({ ws }) => ws));
  const draining = drainSockets(sockets, never);
  const [last] = fakes.slice(-1);
  if (last) sockets.delete(last.ws);
  await draining;
  expect([fakes[0]?.told.length, last?.told.length]).toEqual([2, 0]);
});
