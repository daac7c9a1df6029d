import { afterAll, beforeAll, expect, test } from "bun:test";

import { createKeys } from "../../../src/platform/keys.ts";
import { createBus, createBusPublisher } from "../../../src/platform/realtime/bus.ts";
import { CloseCode } from "../../../src/platform/realtime/connection.ts";
import { type ChannelEvent, encodeEvent } from "../../../src/platform/realtime/source.ts";
import { createWindow } from "../../../src/platform/realtime/window.ts";
import { createSingleWire } from "../../../src/platform/realtime/wires.ts";
import { openRedis } from "../../../src/platform/redis.ts";
import { silentLog } from "../../support/database.ts";
import { openHubStage } from "../../support/hub_stage.ts";
import { until } from "../../support/poll.ts";
import { openTestRedisServer, type TestRedisServer } from "../../support/redis_server.ts";

const LAN = Bun.randomUUIDv7();
const keys = createKeys("t");
/** Far beyond what is promised, because other work may hold the machine up. */
const PATIENCE_MS = 30_000;

let server: TestRedisServer;
beforeAll(async () => {
  server = await openTestRedisServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A node with a socket in a channel, which hears by a detour, and another one that publishes what it commits. */
async function openNodes({ beatMs = 100 }: { beatMs?: number } = {}) {
  const ch = `c:${Bun.randomUUIDv7()}`;
  const detour = server.openDetour();
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (text: string) => void warnings.push(text) };
  const [commands, subscriber, others] = await Promise.all([
    openRedis({ url: server.url, log, name: "commands" }),
    openRedis({ url: detour.url, log, name: "bus" }),
    openRedis({ url: server.url, log, name: "others" }),
  ]);
  const window = createWindow({ redis: commands, keys });
  const nodeId = Bun.randomUUIDv7();
  const wires = createSingleWire({ subscriber, keys, nodeId });
  const bus = createBus({ commands, wires, window, keys, log, beatMs });
  const stage = openHubStage({ bus, window });
  bus.onMessage((message) => stage.hub.receive(message));
  stage.admit(LAN, ch);
  const socket = await stage.attach(LAN);
  const publisher = createBusPublisher({ commands: others, keys });
  const publish = async (event: ChannelEvent) => {
    const text = encodeEvent(event);
    await publisher.publish([{ channel: ch, text }]).catch(() => undefined);
  };
  return {
    ch,
    bus,
    commands,
    detour,
    others,
    socket,
    stage,
    warnings,
    /** Commits an event and publishes it, as far as Redis takes it. */
    say: async (marks: Partial<ChannelEvent> = {}) => await publish(stage.append(ch, marks)),
    heard: () => socket.got.filter((text) => text.startsWith("{")).length,
    [Symbol.asyncDispose]: async () => {
      stage[Symbol.dispose]();
      bus.close();
      await Promise.all([commands, subscriber, others].map((redis) => redis.close()));
      detour[Symbol.dispose]();
    },
  };
}

type Nodes = Awaited<ReturnType<typeof openNodes>>;

function expectAllInOrder({ ch, socket, stage }: Nodes): void {
  const all = (stage.truth.events.get(ch) ?? []).map(({ frame }) => frame);
  expect(socket.got).toEqual(["hello", ...all]);
}

test("what is said while the connection is cut, and while Redis forgets everything, arrives once and in order", async () => {
  await using nodes = await openNodes();
  await nodes.say();
  await until("the first event", () => nodes.heard() === 1, PATIENCE_MS);
  for (let turn = 1; turn <= 3; turn += 1) {
    await nodes.commands.client.sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"]);
    await nodes.say();
    await nodes.say();
    await nodes.commands.client.flushAll();
    await nodes.say();
    const count = 1 + turn * 3;
    await until("what was said meanwhile", () => nodes.heard() === count, PATIENCE_MS);
  }
  expectAllInOrder(nodes);
}, 60_000);

test("a Redis that is away for a while loses nothing that was said meanwhile", async () => {
  await using nodes = await openNodes();
  await nodes.say();
  await until("the first event", () => nodes.heard() === 1, PATIENCE_MS);
  await server.stop();
  for (let count = 0; count < 5; count += 1) await nodes.say();
  // Without a bus, Postgres is asked.
  await until("what Redis could not bring", () => nodes.heard() === 6, PATIENCE_MS);
  await nodes.say();
  await server.start();
  await until("the return", () => nodes.bus.isHearing() && nodes.others.isReady(), PATIENCE_MS);
  await nodes.say();
  await until("what was said last", () => nodes.heard() === 8, PATIENCE_MS);
  expectAllInOrder(nodes);
  expect(nodes.socket.got.some((text) => text.startsWith("close"))).toBe(false);
}, 60_000);

test("a connection that looks alive and is deaf is found within 3 s, and made anew", async () => {
  await using nodes = await openNodes({ beatMs: 700 });
  await nodes.say();
  await until("the first event", () => nodes.heard() === 1, PATIENCE_MS);
  expect(nodes.detour.silence("frm-ai-bus")).toBe(1);
  const began = performance.now();
  await nodes.say();
  await until("the alarm", () => !nodes.bus.isHearing(), PATIENCE_MS);
  const foundMs = performance.now() - began;
  await until("what was said to the deaf", () => nodes.heard() === 2, PATIENCE_MS);
  await until("the return", () => nodes.bus.isHearing(), PATIENCE_MS);
  await nodes.say();
  await until("what was said then", () => nodes.heard() === 3, PATIENCE_MS);
  expectAllInOrder(nodes);
  // A machine that is held up by others may take longer, but not for long.
  expect(foundMs).toBeLessThan(10_000);
  expect(nodes.warnings).toContain("the bus is deaf: its connection is made anew");
}, 60_000);

test("a member who is removed while nothing can be heard is put out, and who came in is let in", async () => {
  await using nodes = await openNodes();
  const { stage, socket } = nodes;
  nodes.detour.silence("frm-ai-bus");
  const other = `c:${Bun.randomUUIDv7()}`;
  stage.truth.members.clear();
  stage.admit(LAN, other);
  await nodes.say({ leaver: LAN });
  await nodes.say();
  stage.append(other);
  await until("the change", () => stage.hub.membersOf(nodes.ch).size === 0, PATIENCE_MS);
  await until("the new channel", () => stage.hub.membersOf(other).size === 1, PATIENCE_MS);
  await nodes.say();
  await until("the return", () => nodes.bus.isHearing(), PATIENCE_MS);
  await nodes.say();
  expect(socket.got.filter((text) => text.includes('"seq":2'))).toEqual([]);
}, 60_000);

test("a node that neither hears nor can read closes its sockets and lets nobody in, until it can", async () => {
  await using nodes = await openNodes();
  const { stage, socket } = nodes;
  const broken = stage.breakSource();
  nodes.detour.silenceAll("frm-ai-bus");
  await until(
    "the end of the lease",
    () => socket.got.includes(`close ${CloseCode.insufficient}`),
    PATIENCE_MS,
  );
  stage.hub.detach(socket.connection);
  const refused = await stage.attach(LAN).catch((error: unknown) => error);
  expect(String(refused)).toContain("the bus is deaf");
  broken.mend();
  await until(
    "a hello that is taken",
    async () =>
      await stage.attach(LAN).then(
        () => true,
        () => false,
      ),
    PATIENCE_MS,
  );
}, 60_000);
