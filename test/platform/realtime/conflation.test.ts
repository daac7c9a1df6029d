import { expect, test } from "bun:test";

import { createConflation, type TopicValue } from "../../../src/platform/realtime/conflation.ts";
import { until } from "../../support/poll.ts";

const INTERVAL_MS = 100;

function open() {
  const sent: { topic: string; version: number; at: number }[] = [];
  const conflation = createConflation({
    intervalMs: INTERVAL_MS,
    emit: (topic, { version }) => void sent.push({ topic, version, at: performance.now() }),
  });
  return { sent, conflation };
}
const value = (version: number): TopicValue => ({ version, json: String(version) });
const versionsOf = (sent: { version: number }[]) => sent.map(({ version }) => version);

test("the first value goes out at once, and of those within an interval only the last", async () => {
  const { sent, conflation } = open();
  for (let version = 1; version <= 50; version += 1) conflation.offer("a:1", value(version));
  expect(versionsOf(sent)).toEqual([1]);
  expect(conflation.latest("a:1")?.version).toBe(50);
  await until("the second frame", () => sent.length === 2);
  expect(versionsOf(sent)).toEqual([1, 50]);
  const [first, second] = sent;
  // A timer may fire a little early on a clock that counts finer than it does.
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(INTERVAL_MS - 5);
  conflation.offer("a:1", value(51));
  expect(sent).toHaveLength(2);
  conflation.close();
});

test("a value that is not newer never takes the place of what is there", () => {
  const { sent, conflation } = open();
  conflation.offer("a:1", value(5));
  for (const late of [5, 4, 1]) conflation.offer("a:1", value(late));
  expect(conflation.latest("a:1")?.version).toBe(5);
  conflation.close();
  expect(versionsOf(sent)).toEqual([5]);
});

test("one busy topic keeps no other one waiting", () => {
  const { sent, conflation } = open();
  for (const topic of ["a:1", "a:1", "a:2", "b:1"]) conflation.offer(topic, value(sent.length + 1));
  expect(sent.map(({ topic }) => topic)).toEqual(["a:1", "a:2", "b:1"]);
  conflation.close();
});

test("a topic that was forgotten begins anew, and nothing of it goes out later", async () => {
  const { sent, conflation } = open();
  conflation.offer("a:1", value(8));
  conflation.offer("a:1", value(9));
  conflation.forget("a:1");
  expect(conflation.latest("a:1")).toBeUndefined();
  conflation.offer("a:1", value(1));
  conflation.offer("a:1", value(2));
  await until("the last frame", () => sent.length === 3);
  expect(versionsOf(sent)).toEqual([8, 1, 2]);
  conflation.close();
});
