import { afterAll, beforeAll, expect, test } from "bun:test";

import type { BusMessage } from "../../../src/platform/realtime/bus.ts";
import {
  createTopicPublisher,
  decodeTopicValue,
  readTopicValues,
} from "../../../src/platform/realtime/topic_values.ts";
import { openTestQueue, type TestQueue } from "../../support/jobs.ts";

let place: TestQueue;
beforeAll(async () => {
  place = await openTestQueue();
});
afterAll(() => place[Symbol.asyncDispose]());

function openPublisher() {
  const told: BusMessage[] = [];
  const bus = { publish: async (messages: BusMessage[]) => void told.push(...messages) };
  return { told, publisher: createTopicPublisher({ ...place, bus }) };
}
async function valueOf(topic: string): Promise<unknown> {
  const value = (await readTopicValues(place, [topic])).get(topic);
  return value && (JSON.parse(value.json) as unknown);
}

test("each value is told once and kept, and each is newer than the one before it", async () => {
  const { told, publisher } = openPublisher();
  for (let n = 1; n <= 20; n += 1) await publisher.publish("ticker:AAA", { n });
  expect(told).toHaveLength(20);
  const versions = told.map(({ text }) => decodeTopicValue(text)?.version ?? 0);
  expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
  expect(await valueOf("ticker:AAA")).toEqual({ n: 20 });
});

test("the value of an older moment replaces nothing, however late it comes", async () => {
  const { told, publisher } = openPublisher();
  const at = (ms: number) => ({ at: new Date(ms) });
  await publisher.publish("ticker:BBB", { price: 2 }, at(2_000));
  await publisher.publish("ticker:BBB", { price: 1 }, at(1_000));
  expect(told).toHaveLength(1);
  expect(await valueOf("ticker:BBB")).toEqual({ price: 2 });
  await publisher.publish("ticker:BBB", { price: 3 }, at(2_000));
  expect(await valueOf("ticker:BBB")).toEqual({ price: 3 });
});

test("what was kept expires, and a Redis that lost it takes the next value as a newer one", async () => {
  const { told, publisher } = openPublisher();
  await publisher.publish("ticker:CCC", 1);
  const key = place.keys.topic("ticker:CCC");
  expect(await place.redis.client.pTTL(key)).toBeGreaterThan(86_400_000);
  await place.redis.client.del(key);
  await publisher.publish("ticker:CCC", 2);
  const [first, second] = told.map(({ text }) => decodeTopicValue(text)?.version ?? 0);
  expect(second).toBeGreaterThan(first ?? 0);
});

test("nothing is published that is no topic or too large, and nothing else is read as a value", async () => {
  const { told, publisher } = openPublisher();
  const attempts = [
    publisher.publish("ticker", 1),
    publisher.publish("ticker:A B", 1),
    publisher.publish("ticker:AAA", "x".repeat(9_000)),
  ];
  for (const { status } of await Promise.allSettled(attempts)) expect(status).toBe("rejected");
  expect(told).toEqual([]);
  for (const text of ["", "1", "x|{}", "|{}", "1|", `${"9".repeat(20)}|{}`])
    expect(decodeTopicValue(text)).toBeUndefined();
});
