import { expect, test } from "bun:test";

import fc from "fast-check";

import { createEventBudget } from "../../../src/platform/realtime/ring.ts";
import { createSequencer } from "../../../src/platform/realtime/sequencer.ts";

function follow(position: number | "nowhere" = 0) {
  const got: number[] = [];
  const sequencer = createSequencer(({ seq }) => void got.push(seq), createEventBudget());
  if (position !== "nowhere") sequencer.place(position);
  return {
    got,
    sequencer,
    offer: (seq: number) => sequencer.offer({ seq, frame: `{"s":${seq}}` }),
  };
}

test("whatever the order and the repetitions, each event passes once and in order", () => {
  const arrivals = fc.integer({ min: 1, max: 40 }).chain((count) => {
    const all = Array.from({ length: count }, (_, index) => index + 1);
    return fc
      .array(fc.constantFrom(...all), { maxLength: 40 })
      .chain((again) =>
        fc.shuffledSubarray([...all, ...again], { minLength: count + again.length }),
      );
  });
  fc.assert(
    fc.property(arrivals, (order) => {
      const { got, sequencer, offer } = follow();
      for (const seq of order) offer(seq);
      const count = Math.max(...order);
      expect(got).toEqual(Array.from({ length: count }, (_, index) => index + 1));
      expect(sequencer.hasGap).toBe(false);
    }),
    { numRuns: 300, seed: 42 },
  );
});

test("nothing passes before the position is known, and nothing at or before it afterwards", () => {
  const { got, sequencer, offer } = follow("nowhere");
  for (const seq of [5, 6, 7]) offer(seq);
  expect(got).toEqual([]);
  sequencer.place(5);
  expect([got, sequencer.last]).toEqual([[6, 7], 7]);
  sequencer.place(1);
  expect(sequencer.last).toBe(7);
});

test("a gap is seen and holds back what is behind it, within a bound", () => {
  const { got, sequencer, offer } = follow();
  for (let seq = 2; seq < 2_000; seq += 1) offer(seq);
  expect([got, sequencer.hasGap]).toEqual([[], true]);
  offer(1);
  expect([got.length, sequencer.last]).toEqual([257, 257]);
});

test("the last events are at hand for a socket that attaches, and a lack of them is told", () => {
  const { sequencer, offer } = follow();
  for (let seq = 1; seq <= 100; seq += 1) offer(seq);
  expect(sequencer.since(98)?.map(({ seq }) => seq)).toEqual([99, 100]);
  expect(sequencer.since(100)).toEqual([]);
  expect(sequencer.since(10)).toBeUndefined();
});

test("what waits is bounded for all channels together, and given back", () => {
  const budget = createEventBudget(10_000);
  const sequencers = Array.from({ length: 5 }, () => createSequencer(() => undefined, budget));
  for (const sequencer of sequencers) {
    sequencer.place(0);
    for (let seq = 2; seq <= 40; seq += 1)
      sequencer.offer({ seq, frame: `{"x":"${"x".repeat(100)}"}` });
  }
  expect(budget.size).toBeLessThanOrEqual(10_000);
  const held = sequencers.map((sequencer) => sequencer.held);
  expect([held[0], held.at(-1)]).toEqual([39, 0]);
  for (const sequencer of sequencers) sequencer.clear();
  expect([budget.size, sequencers[0]?.held]).toEqual([0, 0]);
});
