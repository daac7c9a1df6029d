import { afterAll, beforeAll, expect, test } from "bun:test";

import { createKeys } from "../../../src/platform/keys.ts";
import { createBusPublisher } from "../../../src/platform/realtime/bus.ts";
import { encodeEvent, encodeNote } from "../../../src/platform/realtime/source.ts";
import { createWindow, withoutGap } from "../../../src/platform/realtime/window.ts";
import { openRedis, type Redis } from "../../../src/platform/redis.ts";
import { silentLog } from "../../support/database.ts";
import { eventAt } from "../../support/hub_stage.ts";
import { openTestRedisServer, type TestRedisServer } from "../../support/redis_server.ts";

const keys = createKeys("t");
let server: TestRedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await openTestRedisServer();
  redis = await openRedis({ url: server.url, log: silentLog, name: "test" });
});
afterAll(async () => {
  await redis.close();
  await server[Symbol.asyncDispose]();
});

/** A window of a channel of its own, and what publishes to it. */
function openWindow() {
  const channel = `c:${Bun.randomUUIDv7()}`;
  const window = createWindow({ redis, keys });
  const publisher = createBusPublisher({ commands: redis, keys, window });
  return {
    channel,
    window,
    publish: (...texts: string[]) => publisher.publish(texts.map((text) => ({ channel, text }))),
    read: async (after: number, limit = 1_000) => {
      const [events = []] = await window.read([{ channel, after, limit }]);
      return events;
    },
  };
}

test("what is published is there in order, however it came, and only what has a position", async () => {
  const { channel, publish, read } = openWindow();
  const late = { ...eventAt(2), frame: '{"late":"1|2\\n"}' };
  await publish(
    encodeEvent(eventAt(3)),
    encodeNote("typing"),
    '{"op":"renew"}',
    encodeEvent(eventAt(1)),
  );
  await publish(encodeEvent(late));
  expect(await read(0)).toEqual([eventAt(1), late, eventAt(3)]);
  expect(await read(1, 1)).toEqual([late]);
  const ttl = await redis.client.ttl(keys.window(channel));
  expect([ttl > 590, ttl <= 600]).toEqual([true, true]);
});

test("a window holds at most 300 events, and none that is long", async () => {
  const { channel, publish, read } = openWindow();
  for (let seq = 1; seq <= 1_000; seq += 1) {
    await publish(encodeEvent(eventAt(seq)));
    if (seq % 100 === 0)
      expect(await redis.client.zCard(keys.window(channel))).toBeLessThanOrEqual(300);
  }
  expect((await read(0)).at(-1)?.seq).toBe(1_000);
  await publish(encodeEvent(eventAt(1_001, { frame: `{"x":"${"x".repeat(5_000)}"}` })));
  expect((await read(999)).map(({ seq }) => seq)).toEqual([1_000]);
});

test("what another event erases is gone, also when it is written after that one", async () => {
  const { publish, read } = openWindow();
  const [first, second] = [encodeEvent(eventAt(1)), encodeEvent(eventAt(2))];
  await publish(first, second, encodeEvent(eventAt(3, { erases: 2 })));
  expect((await read(0)).map(({ seq }) => seq)).toEqual([1, 3]);
  await publish(second);
  expect((await read(0)).map(({ seq }) => seq)).toEqual([1, 3]);
});

test("nothing is written while Redis is short of memory, and messages go on", async () => {
  const { publish, read, window } = openWindow();
  const before = await redis.client.configGet("maxmemory");
  const used = Number(/used_memory:(\d+)/.exec(await redis.client.info("memory"))?.[1]);
  await redis.client.configSet("maxmemory", String(Math.floor(used * 1.5)));
  await window.checkRoom();
  await publish(encodeEvent(eventAt(1)));
  expect(await read(0)).toEqual([]);
  await redis.client.configSet("maxmemory", String(before["maxmemory"]));
  await window.checkRoom();
  await publish(encodeEvent(eventAt(2)));
  expect((await read(0)).map(({ seq }) => seq)).toEqual([2]);
});

test("a Redis that is away has nothing, and says so at once", async () => {
  const other = await openRedis({ url: server.url, log: silentLog, name: "closed" });
  await other.close();
  const window = createWindow({ redis: other, keys });
  const range = { channel: "c:1", after: 0, limit: 1 };
  expect(await window.read([range, range])).toEqual([[], []]);
});

test("only what follows without a gap counts", () => {
  const events = [eventAt(4), eventAt(5), eventAt(7)];
  expect(withoutGap(events, 3).map(({ seq }) => seq)).toEqual([4, 5]);
  expect(withoutGap(events, 2)).toEqual([]);
  expect(withoutGap([], 2)).toEqual([]);
});
