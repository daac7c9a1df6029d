import { expect, test } from "bun:test";

import { createEventBudget, createRing } from "../../../src/platform/realtime/ring.ts";
import { eventAt } from "../../support/hub_stage.ts";

function positions(events: { seq: number }[] | undefined): number[] | undefined {
  return events?.map(({ seq }) => seq);
}

test("the last 64 events are at hand, and a lack of older ones is told", () => {
  const ring = createRing(createEventBudget());
  for (let seq = 1; seq <= 100; seq += 1) ring.push(eventAt(seq));
  expect(positions(ring.between(98, 100))).toEqual([99, 100]);
  expect(ring.between(36, 100)).toHaveLength(64);
  expect(ring.between(35, 100)).toBeUndefined();
});

test("an erased event is not handed out any more, nor is anything that would need it", () => {
  const ring = createRing(createEventBudget());
  for (const event of [eventAt(1), eventAt(2), eventAt(3, { erases: 2 })]) ring.push(event);
  expect(positions(ring.between(2, 3))).toEqual([3]);
  expect(ring.between(1, 3)).toBeUndefined();
});

test("long events leave early, and what all rings hold stays within one bound and comes back to nothing", () => {
  const budget = createEventBudget(200_000);
  const rings = Array.from({ length: 20 }, () => createRing(budget));
  for (let seq = 1; seq <= 64; seq += 1)
    for (const ring of rings) {
      ring.push(eventAt(seq, { frame: "x".repeat(1 + ((seq * 977) % 9_000)) }));
      expect(budget.size).toBeLessThanOrEqual(200_000);
    }
  expect(budget.size).toBeGreaterThan(100_000);
  const [one] = rings;
  one?.push(eventAt(65, { frame: "x".repeat(100_000) }));
  expect(one?.between(64, 65)).toBeUndefined();
  for (const ring of rings) ring.clear();
  expect(budget.size).toBe(0);
});
