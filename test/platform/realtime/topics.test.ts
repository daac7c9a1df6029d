import { afterAll, beforeAll, expect, test } from "bun:test";

import { Type } from "@sinclair/typebox/type";

import { AppError } from "../../../src/platform/errors.ts";
import type { Connection } from "../../../src/platform/realtime/connection.ts";
import type { Receiver } from "../../../src/platform/realtime/hub.ts";
import { MAX_TOPICS_PER_SOCKET } from "../../../src/platform/realtime/limits.ts";
import {
  createTopicPublisher,
  type TopicPublisher,
} from "../../../src/platform/realtime/topic_values.ts";
import { createTopics, type Topics } from "../../../src/platform/realtime/topics.ts";
import { quietConnection } from "../../support/connection.ts";
import { silentLog } from "../../support/database.ts";
import { quietBus } from "../../support/hub_stage.ts";
import { openTestQueue, type TestQueue } from "../../support/jobs.ts";
import { until } from "../../support/poll.ts";

const RELEASE_DELAY_MS = 100;

let place: TestQueue;
beforeAll(async () => {
  place = await openTestQueue();
});
afterAll(() => place[Symbol.asyncDispose]());

interface Node extends Disposable {
  topics: Topics;
  publisher: TopicPublisher;
  frames: { topic: string; d: unknown }[];
  /** Names that the node asked the bus for, and those it let go. */
  asked: string[][];
  /** Called in place of the confirmation of a subscription. */
  confirm: (done: () => Promise<void>) => void;
  recover: () => void;
}

/** A node whose bus is at hand: what is published arrives at once, where the node has asked for it. */
function openNode(allowed: { until: boolean } = { until: true }): Node {
  const routes = new Map<string, Receiver>();
  const wanted = new Set<string>();
  const asked: string[][] = [];
  const frames: Node["frames"] = [];
  let confirmed: () => Promise<void> = async () => undefined;
  let recovered = () => undefined as void;
  const bus = quietBus({
    publish: async (messages) => {
      for (const { channel, text } of messages)
        if (wanted.has(channel)) routes.get(channel.split(":")[0] ?? "")?.(channel, text);
    },
    subscribe: async (names) => {
      asked.push(names);
      await confirmed();
      for (const name of names) wanted.add(name);
    },
    unsubscribe: async (names) => names.forEach((name) => wanted.delete(name)),
    onRecovered: (listener) => void (recovered = listener),
  });
  const kind = { mode: "latest", data: Type.Unknown(), name: /^[A-Z]+$/ } as const;
  const topics = createTopics({
    kinds: {
      ticker: { ...kind, authorise: async () => true },
      desk: { ...kind, authorise: async ({ userId }) => userId === "lan" && allowed.until },
    },
    ...place,
    bus,
    route: (prefix, receive) => void routes.set(prefix, receive),
    publish: (topic, frame) => frames.push({ topic, d: (JSON.parse(frame) as { d: unknown }).d }),
    log: silentLog,
    releaseDelayMs: RELEASE_DELAY_MS,
  });
  return {
    topics,
    frames,
    asked,
    publisher: createTopicPublisher({ ...place, bus }),
    confirm: (done) => (confirmed = done),
    recover: () => recovered(),
    [Symbol.dispose]: () => topics.close(),
  };
}

interface Socket {
  connection: Connection;
  joined: Set<string>;
  sent: unknown[];
}

function openSocket(userId = "lan"): Socket {
  const [joined, sent] = [new Set<string>(), [] as unknown[]];
  const connection = quietConnection({
    id: crypto.randomUUID(),
    userId,
    send: (text) => sent.push(JSON.parse(text)),
    join: (channel) => void joined.add(channel),
    leave: (channel) => void joined.delete(channel),
  });
  return { connection, joined, sent };
}

/** What the node answers to one frame; the code of the error where it refuses. */
async function ask({ topics }: Node, { connection }: Socket, frame: { t: string; ch: string[] }) {
  try {
    const [answer] = (await topics.handlers[frame.t]?.handle([frame], connection)) ?? [];
    return answer;
  } catch (error) {
    return error instanceof AppError ? error.kind.code : error;
  }
}
const sub = (...ch: string[]) => ({ t: "sub", ch });

test("whoever begins to follow gets what the topic holds, and from then on what it holds next", async () => {
  using node = openNode();
  await node.publisher.publish("ticker:HPG", { price: 1 });
  const [first, second] = [openSocket(), openSocket("minh")];
  const ts = expect.any(Number) as number;
  const held = { t: "sub.ok", ch: { "ticker:HPG": { d: { price: 1 }, ts }, "ticker:NIL": null } };
  expect(await ask(node, first, sub("ticker:HPG", "ticker:NIL"))).toEqual(held);
  expect([...first.joined]).toEqual(["ticker:HPG", "ticker:NIL"]);
  await node.publisher.publish("ticker:NIL", { price: 7 });
  expect(node.frames).toEqual([
    { topic: "ticker:HPG", d: { price: 1 } },
    { topic: "ticker:NIL", d: { price: 7 } },
  ]);
  expect(await ask(node, second, sub("ticker:NIL"))).toMatchObject({
    ch: { "ticker:NIL": { d: { price: 7 } } },
  });
  // A second follower costs the bus nothing, nor does the same socket that asks again.
  await ask(node, first, sub("ticker:NIL"));
  expect(node.asked).toEqual([["ticker:HPG", "ticker:NIL"]]);
});

test("a value that comes while the bus is being asked is not lost", async () => {
  using node = openNode();
  node.confirm(() => node.publisher.publish("ticker:FPT", { price: 3 }));
  expect(await ask(node, openSocket(), sub("ticker:FPT"))).toMatchObject({
    ch: { "ticker:FPT": { d: { price: 3 } } },
  });
});

test("what does not exist and what is not allowed are refused alike, and nothing of the frame holds", async () => {
  using node = openNode();
  const stranger = openSocket("minh");
  const odd = ["ticker:vnm", "nothing:A", "ticker", "constructor:A", "desk:A", "ticker:A\nB"];
  for (const topic of odd)
    expect(await ask(node, stranger, sub("ticker:AAA", topic))).toBe("not_found");
  expect(node.asked).toEqual([]);
  expect(stranger.joined.size).toBe(0);
  expect(await ask(node, openSocket("lan"), sub("desk:A"))).toMatchObject({ t: "sub.ok" });
});

test("a socket follows so many topics and no more, until it lets some go", async () => {
  using node = openNode();
  const socket = openSocket();
  const letters = (at: number) => String.fromCharCode(65 + Math.floor(at / 26), 65 + (at % 26));
  const names = Array.from({ length: MAX_TOPICS_PER_SOCKET }, (_, at) => `ticker:${letters(at)}`);
  expect(await ask(node, socket, sub(...names))).toMatchObject({ t: "sub.ok" });
  expect(await ask(node, socket, sub("ticker:MORE"))).toBe("too_many_topics");
  await ask(node, socket, { t: "unsub", ch: names.slice(0, 1) });
  expect(socket.joined.has("ticker:AA")).toBe(false);
  expect(await ask(node, socket, sub("ticker:MORE"))).toMatchObject({ t: "sub.ok" });
});

test("a newer token keeps what is still allowed, and ends the rest with a word", async () => {
  const allowed = { until: true };
  using node = openNode(allowed);
  const socket = openSocket();
  await ask(node, socket, sub("desk:A", "ticker:AAA"));
  await node.topics.renew?.(socket.connection);
  expect(socket.sent).toEqual([]);
  allowed.until = false;
  await node.topics.renew?.(socket.connection);
  expect(socket.sent).toEqual([{ t: "sub.end", ch: ["desk:A"] }]);
  expect([...socket.joined]).toEqual(["ticker:AAA"]);
});

test("a topic is let go a while after its last follower, and not when one comes back in time", async () => {
  using node = openNode();
  const [first, second] = [openSocket(), openSocket("minh")];
  await ask(node, first, sub("ticker:AAA"));
  node.topics.detach(first.connection);
  expect(node.topics.count()).toBe(1);
  await ask(node, second, sub("ticker:AAA", "ticker:BBB"));
  node.topics.detach(second.connection);
  await ask(node, openSocket(), sub("ticker:BBB"));
  await until("the topic to be let go", () => node.topics.count() === 1);
  expect(node.asked).toEqual([["ticker:AAA"], ["ticker:BBB"]]);
  await node.publisher.publish("ticker:AAA", { price: 1 });
  await node.publisher.publish("ticker:BBB", { price: 2 });
  expect(node.frames).toEqual([{ topic: "ticker:BBB", d: { price: 2 } }]);
});

test("a socket that closes while it is being answered is put into nothing", async () => {
  using node = openNode();
  const socket = openSocket();
  node.confirm(async () => node.topics.detach(socket.connection));
  expect(await ask(node, socket, sub("ticker:LATE"))).toBeUndefined();
  expect(socket.joined.size).toBe(0);
});

test("a failure to read is answered, and the next one who asks begins anew", async () => {
  using node = openNode();
  node.confirm(async () => {
    throw new Error("away");
  });
  const socket = openSocket();
  expect(await ask(node, socket, sub("ticker:BAD"))).toBeInstanceOf(Error);
  expect([node.topics.count(), socket.joined.size]).toEqual([0, 0]);
  node.confirm(async () => undefined);
  expect(await ask(node, socket, sub("ticker:BAD"))).toMatchObject({ t: "sub.ok" });
});

test("what was told while the bus was deaf is read when it hears again", async () => {
  using node = openNode();
  using other = openNode();
  await ask(node, openSocket(), sub("ticker:DEAF"));
  await other.publisher.publish("ticker:DEAF", { price: 9 });
  expect(node.frames).toEqual([]);
  node.recover();
  await until("the value", () => node.frames.length === 1);
  expect(node.frames).toEqual([{ topic: "ticker:DEAF", d: { price: 9 } }]);
});
