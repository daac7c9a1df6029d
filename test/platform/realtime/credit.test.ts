import { expect, test } from "bun:test";

import { createCredit } from "../../../src/platform/realtime/credit.ts";

function open(maxSubjects = 100) {
  let now = 0;
  const credit = createCredit({ now: () => now, maxSubjects });
  return { credit, pass: (ms: number) => void (now += ms) };
}

test("nobody gets more than was counted ahead, nor anything of somebody else's", () => {
  const { credit } = open();
  credit.add("lan", 5);
  expect(credit.take("minh", 1)).toBe(0);
  expect(credit.take("lan", 3)).toBe(3);
  expect(credit.take("lan", 3)).toBe(2);
  expect(credit.take("lan", 3)).toBe(0);
});

test("what is not used in a moment is gone", () => {
  const { credit, pass } = open();
  credit.add("lan", 5);
  pass(999);
  expect(credit.take("lan", 1)).toBe(1);
  pass(1);
  expect(credit.take("lan", 1)).toBe(0);
});

test("only who wants something every moment is counted ahead, by twice as much less what is left", () => {
  const { credit, pass } = open();
  credit.take("lan", 4);
  expect(credit.ahead("lan", 4)).toBe(0);
  pass(500);
  credit.take("lan", 4);
  expect(credit.ahead("lan", 4)).toBe(8);
  credit.add("lan", 6);
  expect(credit.ahead("lan", 4)).toBe(2);
  expect(credit.ahead("lan", 1_000)).toBe(250);
  pass(1_000);
  credit.take("lan", 4);
  expect(credit.ahead("lan", 4)).toBe(0);
  expect(credit.ahead("minh", 4)).toBe(0);
});

test("the longest unseen make room for others", () => {
  const { credit, pass } = open(2);
  credit.add("lan", 1);
  pass(1);
  credit.add("minh", 1);
  credit.take("lan", 0);
  credit.add("hoa", 1);
  expect(credit.size()).toBe(2);
  expect(credit.take("lan", 1)).toBe(1);
  expect(credit.take("minh", 1)).toBe(0);
});
