import { expect, test } from "bun:test";

import { type Counted, createMemoryThrottle } from "../../src/platform/throttle_memory.ts";
import type { ThrottlePolicy } from "../../src/platform/throttle_policy.ts";

const POLICY: ThrottlePolicy = {
  name: "pair",
  freeFailures: 3,
  firstWaitMs: 1_000,
  longestWaitMs: 60_000,
  isResetBySuccess: true,
};
const MAX_ENTRIES = 100;

function open() {
  let at = 1_800_000_000_000;
  const memory = createMemoryThrottle({ now: () => new Date(at), maxEntries: MAX_ENTRIES });
  const take = (name: string) => memory.take(counted(name));
  return { memory, take, pass: (ms: number) => (at += ms) };
}

function counted(name: string): Counted {
  return { counts: [{ key: name, policy: POLICY }], knownKey: `known ${name}`, caller: "caller" };
}

function isAdmitted(result: ReturnType<ReturnType<typeof open>["take"]>): boolean {
  return "changes" in result;
}

test("it holds no more than it may, however many ask, and then lets in no more than one newcomer could", () => {
  const { memory, take } = open();
  for (let name = 0; name < MAX_ENTRIES; name += 1) take(`early ${name}`);
  const admitted = Array.from({ length: 10_000 }, (_, name) => take(`late ${name}`));
  expect(admitted.filter(isAdmitted)).toHaveLength(POLICY.freeFailures);
  expect(memory.size()).toBeLessThanOrEqual(MAX_ENTRIES + 1);
});

test("nobody pushes out the count of another, not even with successes of his own", () => {
  const { memory, take } = open();
  while (isAdmitted(take("victim")));
  for (let name = 0; name < 1_000; name += 1) {
    const mine = counted(`mine ${name}`);
    const result = memory.take(mine);
    if ("changes" in result) memory.settle(mine, result.changes, name % 2 === 0);
  }
  expect(isAdmitted(take("victim"))).toBe(false);
  expect(memory.size()).toBeLessThanOrEqual(2 * MAX_ENTRIES + 1);
});

test("a success among those who share a count forgives nobody else's failures", () => {
  const { memory, take } = open();
  for (let name = 0; name < MAX_ENTRIES; name += 1) take(`early ${name}`);
  take("late");
  take("later");
  const lucky = counted("lucky");
  const result = memory.take(lucky);
  if (!("changes" in result)) throw new Error("Cannot try: it has to wait");
  memory.settle(lucky, result.changes, true);
  expect(["a", "b", "c"].map((name) => isAdmitted(take(name)))).toEqual([true, false, false]);
});

test("what is forgiven makes room", () => {
  const { take, pass } = open();
  for (let name = 0; name < MAX_ENTRIES; name += 1) take(`early ${name}`);
  pass(POLICY.longestWaitMs);
  const admitted = Array.from({ length: MAX_ENTRIES }, (_, name) => take(`late ${name}`));
  expect(admitted.filter(isAdmitted)).toHaveLength(MAX_ENTRIES);
});

test("a clock that jumps back makes no wait longer than the longest", () => {
  const { take, pass } = open();
  while (isAdmitted(take("lan")));
  pass(-86_400_000);
  const result = take("lan");
  expect("waitMs" in result && result.waitMs <= POLICY.longestWaitMs).toBe(true);
});
