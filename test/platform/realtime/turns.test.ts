import { expect, test } from "bun:test";

import { createTurns } from "../../../src/platform/realtime/turns.ts";

test("what was read while its user came or went is read again, and used once", async () => {
  const turns = createTurns();
  const [used, reads]: [number[], number[]] = [[], []];
  await turns.settled(
    "lan",
    async () => {
      reads.push(reads.length);
      if (reads.length < 3) turns.disturb("lan");
      turns.disturb("minh");
      return reads.length;
    },
    (value) => used.push(value),
  );
  expect([reads, used, turns.size]).toEqual([[0, 1, 2], [3], 0]);
});

test("a user who never settles is an error, and nothing is used", async () => {
  const turns = createTurns();
  const used: unknown[] = [];
  const read = async () => turns.disturb("lan");
  const work = turns.settled("lan", read, (value) => used.push(value));
  expect(await work.catch((error: unknown) => error)).toBeInstanceOf(Error);
  expect([used, turns.size]).toEqual([[], 0]);
});

test("of many users those to whom something happened are left out", async () => {
  const turns = createTurns();
  const used: string[] = [];
  const reading = Promise.withResolvers<void>();
  const work = turns.steady(
    ["lan", "minh", "mai"],
    () => reading.promise,
    (userId) => used.push(userId),
  );
  turns.disturb("minh");
  reading.resolve();
  await work;
  expect([used, turns.size]).toEqual([["lan", "mai"], 0]);
});
