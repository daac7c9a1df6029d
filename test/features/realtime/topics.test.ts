import { afterAll, beforeAll, expect, test } from "bun:test";

import { TypeCompiler } from "@sinclair/typebox/compiler";

import { createKeys, type Keys } from "../../../src/platform/keys.ts";
import { createBusPublisher } from "../../../src/platform/realtime/bus.ts";
import { TOPIC_REPLIES } from "../../../src/platform/realtime/topic_frames.ts";
import {
  createTopicPublisher,
  type TopicPublisher,
} from "../../../src/platform/realtime/topic_values.ts";
import { openRedis, type Redis } from "../../../src/platform/redis.ts";
import { signUp } from "../../support/client.ts";
import { silentLog } from "../../support/database.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { testServices } from "../../support/services.ts";
import { type Frame, openSocket, type TestSocket } from "../../support/socket.ts";

/** Instances start slowly on a busy machine. */
const START_MS = 90_000;

let cluster: Cluster;
let instances: Instance[];
let instance: Instance;
let redis: Redis;
let keys: Keys;
/** Publishes as a job would: from a process that has no sockets. */
let publisher: TopicPublisher;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  instances = await Promise.all([cluster.start(), cluster.start()]);
  instance = instances[0] as Instance;
  const { redisUrl } = await testServices();
  redis = await openRedis({ url: new URL(redisUrl), log: silentLog, name: "publisher" });
  keys = createKeys(cluster.redisPrefix);
  const bus = createBusPublisher({ commands: redis, keys });
  publisher = createTopicPublisher({ redis, keys, bus });
}, START_MS);
afterAll(async () => {
  await redis.close();
  await cluster[Symbol.asyncDispose]();
});

function quote(amount: number) {
  return { price: { amount: String(amount), currency: "VND" }, change: 0, volume: amount };
}
function amountOf({ d }: Frame): number {
  return Number((d as unknown as ReturnType<typeof quote>).price.amount);
}
function valuesOf({ frames }: TestSocket): Frame[] {
  return frames.filter(({ t }) => t === "top");
}

async function open({ url }: Instance): Promise<TestSocket> {
  return await openSocket(url, (await signUp(url)).token);
}
async function openBoth(): Promise<TestSocket[]> {
  return await Promise.all(instances.map(open));
}

test("a burst reaches the sockets of all instances as few frames, of which the last is the last value", async () => {
  const sockets = await openBoth();
  for (const socket of sockets) socket.send({ t: "sub", i: 2, ch: ["ticker:VNM"] });
  for (const socket of sockets) await socket.next(({ t }) => t === "sub.ok", "sub.ok");
  const before = performance.now();
  for (let amount = 1; amount <= 500; amount += 1)
    await publisher.publish("ticker:VNM", quote(amount));
  for (const socket of sockets) {
    await socket.next((frame) => frame.t === "top" && amountOf(frame) === 500, "the last value");
    const amounts = valuesOf(socket).map(amountOf);
    expect(amounts).toEqual(amounts.toSorted((one, other) => one - other));
    // The first at once, then one in each quarter of a second.
    const quarters = Math.ceil((performance.now() - before) / 250);
    expect(amounts.length).toBeLessThanOrEqual(quarters + 1);
    socket.close();
  }
});

test("a newcomer gets the value that was told before, and one of an older moment reaches nobody", async () => {
  const at = new Date("2026-11-20T08:00:00Z");
  await publisher.publish("ticker:FPT", quote(2), { at });
  await publisher.publish("ticker:FPT", quote(1), { at: new Date(at.getTime() - 1) });
  const sockets = await openBoth();
  for (const socket of sockets) {
    socket.send({ t: "sub", i: 2, ch: ["ticker:FPT", "ticker:NONE"] });
    const answer = await socket.next(({ t }) => t === "sub.ok", "sub.ok");
    const held = { d: quote(2), ts: at.getTime() };
    expect(answer["ch"] as unknown).toEqual({ "ticker:FPT": held, "ticker:NONE": null });
  }
  await publisher.publish("ticker:FPT", quote(1), { at: new Date(at.getTime() - 1) });
  await publisher.publish("ticker:NONE", quote(5));
  for (const socket of sockets) {
    await socket.next((frame) => frame.ch === "ticker:NONE", "the other topic's value");
    expect(valuesOf(socket).map(amountOf)).toEqual([5]);
    socket.close();
  }
});

test("an instance asks Redis only for what its sockets follow, and unsub ends it for the socket", async () => {
  const [socket, witness] = [await open(instance), await open(instance)];
  const [ticker, other] = [keys.channel("ticker:AAA"), keys.channel("ticker:BBB")];
  for (const follower of [socket, witness]) {
    follower.send({ t: "sub", i: 2, ch: ["ticker:AAA"] });
    await follower.next(({ t }) => t === "sub.ok", "sub.ok");
  }
  // One of the two instances, and none for the topic that nobody follows.
  expect(await redis.client.pubSubNumSub([ticker, other])).toEqual({ [ticker]: 1, [other]: 0 });
  socket.send({ t: "unsub", i: 3, ch: ["ticker:AAA"] });
  await socket.next(({ i }) => i === 3, "the answer");
  await publisher.publish("ticker:AAA", quote(1));
  await witness.next(({ t }) => t === "top", "the value");
  socket.send({ t: "sub", i: 4, ch: ["ticker:AAA"] });
  await socket.next(({ i }) => i === 4, "the second answer");
  expect(valuesOf(socket)).toEqual([]);
  const checks = new Map(
    Object.entries(TOPIC_REPLIES).map(([type, schema]) => [type, TypeCompiler.Compile(schema)]),
  );
  const own = [...socket.frames, ...witness.frames].filter(({ t }) => t !== "hello.ok");
  expect(own.filter((frame) => checks.get(frame.t)?.Check(frame) !== true)).toEqual([]);
  for (const follower of [socket, witness]) follower.close();
});

test("a topic that may not be followed is refused by its code, and the socket goes on", async () => {
  const socket = await open(instance);
  socket.send({ t: "sub", i: 2, ch: ["ticker:vnm"] });
  socket.send({ t: "sub", i: 3, ch: [] });
  socket.send({ t: "sub", i: 4, ch: ["ticker:VNM"] });
  await socket.next(({ i }) => i === 4, "the last answer");
  expect(socket.frames.slice(1).map(({ t, i, m }) => [t, i, m])).toEqual([
    ["err", 2, "not_found"],
    ["err", 3, "validation_failed"],
    ["sub.ok", 4, undefined],
  ]);
  socket.close();
});

test("whatever a message may name as a security can be followed", async () => {
  const socket = await open(instance);
  socket.send({ t: "sub", i: 2, ch: ["ticker:BRK.B"] });
  const answer = await socket.next(({ i }) => i === 2, "the answer");
  expect([answer.t, answer["ch"] as unknown]).toEqual(["sub.ok", { "ticker:BRK.B": null }]);
  socket.close();
});
