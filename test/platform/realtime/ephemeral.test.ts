import { expect, test } from "bun:test";

import type { BusMessage } from "../../../src/platform/realtime/bus.ts";
import {
  createEphemeral,
  createEphemeralPublisher,
} from "../../../src/platform/realtime/ephemeral.ts";
import type { Hello } from "../../../src/platform/realtime/frames.ts";
import type { EnterListener, Receiver } from "../../../src/platform/realtime/hub.ts";
import { quietConnection } from "../../support/connection.ts";

const USER = crypto.randomUUID();

/** A node of which a socket is in those channels that the test says. */
function openNode() {
  const inside = new Set<string>();
  const published: [topic: string, frame: string][] = [];
  let receive: Receiver = () => undefined;
  let enter: EnterListener = () => undefined;
  const ephemeral = createEphemeral({
    hub: {
      onNote: (receiver) => void (receive = receiver),
      onEnter: (listener) => void (enter = listener),
      positionOf: (_, channel) => (inside.has(channel) ? 1 : undefined),
    },
    publish: (topic, frame) => void published.push([topic, frame]),
  });
  return {
    ephemeral,
    inside,
    published,
    receive: (channel: string, note: string) => receive(channel, note),
    enter: ((connection, channel) => enter(connection, channel)) satisfies EnterListener,
  };
}

function openSocket() {
  const watched = new Set<string>();
  const connection = quietConnection({
    watch: (channel) => void watched.add(channel),
    unwatch: (channel) => void watched.delete(channel),
  });
  return { connection, watched };
}
type Node = ReturnType<typeof openNode>;

async function focus(
  { ephemeral }: Node,
  { connection }: ReturnType<typeof openSocket>,
  ...ch: string[]
) {
  const [answer] =
    (await ephemeral.handlers["focus"]?.handle([{ t: "focus", i: 1, ch }], connection)) ?? [];
  return answer;
}

test("a socket watches what is on screen and that it is in, and nothing else", async () => {
  const node = openNode();
  node.inside.add("c:1").add("c:2").add("c:3");
  const socket = openSocket();
  expect(await focus(node, socket, "c:1", "c:2", "c:of-others")).toEqual({ t: "ok", i: 1 });
  expect([...socket.watched]).toEqual(["c:1", "c:2"]);
  await focus(node, socket, "c:2", "c:3");
  expect([...socket.watched]).toEqual(["c:2", "c:3"]);
  await focus(node, socket);
  expect([...socket.watched]).toEqual([]);
});

test("what is on screen before its user is in it is watched as soon as they are, and not once it is away", async () => {
  const node = openNode();
  const [socket, other] = [openSocket(), openSocket()];
  await focus(node, socket, "c:1");
  expect(socket.watched.size).toBe(0);
  node.enter(socket.connection, "c:1");
  node.enter(other.connection, "c:1");
  expect([[...socket.watched], [...other.watched]]).toEqual([["c:1"], []]);
  await focus(node, socket);
  node.enter(socket.connection, "c:1");
  expect(socket.watched.size).toBe(0);
  await focus(node, socket, "c:2");
  node.ephemeral.detach(socket.connection);
  node.enter(socket.connection, "c:2");
  expect(socket.watched.size).toBe(0);
});

test("a hello may say what is on screen, of which so much counts as a focus may name", () => {
  const node = openNode();
  const channels = Array.from({ length: 30 }, (_, at) => `c:${at}`);
  for (const channel of channels) node.inside.add(channel);
  const focused = Object.fromEntries(channels.map((channel) => [channel, 0]));
  const socket = openSocket();
  node.ephemeral.attach?.(socket.connection, {
    t: "hello",
    v: 1,
    tok: "x",
    focus: focused,
  } as Hello);
  expect([...socket.watched]).toEqual(channels.slice(0, 20));
});

test("a note goes to those who watch, as a frame without a position, by the bus and without one", async () => {
  const node = openNode();
  const [sent, delivered] = [[] as BusMessage[], [] as BusMessage[]];
  let isReady = true;
  const publisher = createEphemeralPublisher({
    bus: {
      publish: async (messages) => {
        sent.push(...messages);
        throw new Error("lost on the way");
      },
      isReady: () => isReady,
    },
    deliver: (message) => void delivered.push(message),
  });
  const typing = { k: "typ", u: USER, on: true } as const;
  publisher.publish("c:1", typing);
  expect([sent.length, delivered.length]).toEqual([1, 0]);
  isReady = false;
  publisher.publish("c:1", typing);
  expect(delivered).toEqual(sent);
  const frame = JSON.stringify({ t: "eph", ch: "c:1", ...typing });
  expect(sent).toEqual([{ channel: "c:1", text: `~${frame}` }]);
  node.receive("c:1", frame);
  expect(node.published).toEqual([["c:1:e", frame]]);
});
