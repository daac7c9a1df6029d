import { afterAll, beforeAll, expect, test } from "bun:test";

import { createKeys } from "../../src/platform/keys.ts";
import { createBus } from "../../src/platform/realtime/bus.ts";
import { openClusterWires } from "../../src/platform/realtime/cluster_wires.ts";
import { encodeEvent } from "../../src/platform/realtime/source.ts";
import { createWindow } from "../../src/platform/realtime/window.ts";
import type { Redis } from "../../src/platform/redis.ts";
import { assertRedisIsFit } from "../../src/platform/redis.ts";
import { openSharedRedis } from "../../src/platform/redis_cluster.ts";
import { createScript } from "../../src/platform/redis_script.ts";
import { silentLog as log } from "../support/database.ts";
import { openHubStage } from "../support/hub_stage.ts";
import { until } from "../support/poll.ts";
import { openTestRedisCluster, type TestRedisCluster } from "../support/redis_cluster.ts";
import { testServices } from "../support/services.ts";

const PATIENCE_MS = 60_000;
const LAN = Bun.randomUUIDv7();
const keys = createKeys("t");

let cluster: TestRedisCluster;
let redis: Redis;
beforeAll(async () => {
  cluster = await openTestRedisCluster();
  redis = await openSharedRedis({ url: cluster.url, log, name: "commands" });
}, PATIENCE_MS);
afterAll(async () => {
  await redis.close();
  await cluster[Symbol.asyncDispose]();
});

test("a single Redis is found to be one", async () => {
  const { redisUrl } = await testServices();
  const single = await openSharedRedis({ url: new URL(redisUrl), log, name: "commands" });
  expect(single.shards).toBeUndefined();
  await single.close();
});

test("a channel that is asked for while it is unknown where it is, is heard once that is known", async () => {
  await using node = await openNode();
  const names = Array.from({ length: 20 }, () => `c:${Bun.randomUUIDv7()}`);
  const heard = new Set<string>();
  node.bus.onMessage(({ channel }) => void heard.add(channel));
  // A client of the cluster that begins anew has no map yet.
  redis.renew();
  await node.bus.subscribe(names);
  await until(
    "all channels",
    async () => {
      const messages = names.map((channel) => ({ channel, text: "~" }));
      await node.bus.publish(messages).catch(() => undefined);
      return names.every((name) => heard.has(name));
    },
    PATIENCE_MS,
  );
  expect(node.bus.isReady()).toBe(true);
}, 60_000);

test("each key finds its node, also in scripts and in reads that are put together", async () => {
  await assertRedisIsFit(redis, log);
  expect(await redis.everywhere("ask", (client) => client.ping())).toEqual([
    "PONG",
    "PONG",
    "PONG",
  ]);
  const names = Array.from({ length: 50 }, (_, at) => keys.session(`u${at}`, "s"));
  const put = createScript("return redis.call('SET', KEYS[1], ARGV[1])");
  await Promise.all(
    names.map((key) =>
      redis.run("put", (client) => put(client, { keys: [key], arguments: [key] })),
    ),
  );
  expect(await Promise.all(names.map((key) => redis.read(key)))).toEqual(names);
  const places = new Set(names.map((name) => redis.shards?.addressOf(name)));
  expect(places).toEqual(new Set(redis.shards?.addresses()));
  for (const [at, node] of cluster.nodes.entries())
    expect([at, Number(await node.ask("DBSIZE")) > 0]).toEqual([at, true]);
});

/** A node with a socket in many channels, whose messages go through all shards. */
async function openNode() {
  if (!redis.shards) throw new Error("Cannot test a cluster: this Redis is none");
  const window = createWindow({ redis, keys });
  const wires = await openClusterWires({ shards: redis.shards, keys, nodeId: "node", log });
  const bus = createBus({ commands: redis, wires, window, keys, log, beatMs: 100 });
  const stage = openHubStage({ bus, window });
  bus.onMessage((message) => stage.hub.receive(message));
  const names = Array.from({ length: 30 }, () => `c:${Bun.randomUUIDv7()}`);
  for (const name of names) stage.admit(LAN, name);
  const socket = await stage.attach(LAN);
  return {
    bus,
    names,
    wires,
    heard: () => socket.got.length - 1,
    say: async () => {
      const messages = names.map((channel) => {
        return {
          channel,
          text: encodeEvent(stage.append(channel, { frame: `{"ch":"${channel}"}` })),
        };
      });
      await bus.publish(messages).catch(() => undefined);
    },
    [Symbol.asyncDispose]: async () => {
      stage[Symbol.dispose]();
      bus.close();
      await wires.close();
    },
  };
}

test(
  "messages go through all shards, one command for each slot, and a master that is killed loses none",
  async () => {
    await using node = await openNode();
    expect(node.wires.list()).toHaveLength(3);
    for (const group of node.wires.groupsOf(node.names.map((name) => keys.channel(name))))
      expect(new Set(group.map((name) => /\{.*\}/.exec(name)?.[0])).size).toBe(1);
    await node.say();
    await until("all channels", () => node.heard() === 30, PATIENCE_MS);
    const [, doomed] = cluster.nodes;
    await doomed?.kill();
    await until("the loss", () => !node.bus.isHearing(), PATIENCE_MS);
    await node.say();
    await until("what no shard could bring", () => node.heard() === 60, PATIENCE_MS);
    await doomed?.start();
    await until("the return", () => node.bus.isHearing(), PATIENCE_MS);
    await node.say();
    await until("what was said last", () => node.heard() === 90, PATIENCE_MS);
    expect(node.heard()).toBe(90);
  },
  2 * PATIENCE_MS,
);
