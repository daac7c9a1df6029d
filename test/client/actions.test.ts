import { expect, test } from "bun:test";

import {
  ClientError,
  createBrowserOutbox,
  createMemoryOutbox,
  type OutboxChange,
} from "../../src/client/mod.ts";
import { until } from "../support/poll.ts";
import { opened, record } from "./recorder.ts";
import { openScriptedServer } from "./scripted_server.ts";

const CONVERSATION = "0192f3a1-0000-7000-8000-000000000001";
const CHANNEL = `c:${CONVERSATION}`;
const AT = { conversationId: CONVERSATION, seq: 7 };

test("edits, deletions, reactions and pins go out in the order in which they were done, and each is acknowledged", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await Promise.all([
    recorder.socket.edit({ ...AT, body: "better", rev: 2 }),
    recorder.socket.react({ ...AT, emoji: "👍", on: true }),
    recorder.socket.pin({ ...AT, on: true }),
    recorder.socket.delete(AT),
  ]);
  const frames = server.peers[0]?.frames.filter(({ t }) => t !== "hello") ?? [];
  const about = { i: expect.any(Number), ch: CHANNEL, msg: 7 };
  expect(frames).toEqual([
    { t: "edit", ...about, body: "better", rev: 2 },
    { t: "react", ...about, e: "👍", on: true },
    { t: "pin", ...about, on: true },
    { t: "del", ...about },
  ]);
});

test("an action whose acknowledgement is lost is done again until it is acknowledged", async () => {
  let drops = 2;
  await using server = openScriptedServer({
    answer: (frame, peer) => {
      if (frame.t !== "react" || drops === 0) return false;
      drops -= 1;
      peer.cut();
      return true;
    },
  });
  using recorder = record(server.url);
  await recorder.socket.react({ ...AT, emoji: "👍", on: true });
  expect(server.received("react")).toHaveLength(3);
  expect(recorder.socket.waiting).toEqual([]);
});

test("a refused action rejects with its code, and whoever listens hears it too", async () => {
  await using server = openScriptedServer({
    answer: (frame, peer) => {
      if (frame.t !== "del") return false;
      peer.send({ t: "err", i: frame.i ?? 0, c: 4030, m: "forbidden", retry: false });
      return true;
    },
  });
  using recorder = record(server.url);
  const changes: OutboxChange[] = [];
  recorder.socket.on("outbox", (change) => changes.push(change));
  const error = await recorder.socket.delete(AT).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ClientError);
  expect(error).toMatchObject({ code: "forbidden", status: 403 });
  const entry = { command: { t: "del", ch: CHANNEL, msg: 7 }, conversationId: CONVERSATION };
  expect(changes).toMatchObject([
    { op: "queued", entry },
    { op: "refused", entry, code: "forbidden" },
  ]);
});

test("what one socket could not send any more goes out with the next one, in its order and under its ids", async () => {
  await using server = openScriptedServer();
  const outbox = createMemoryOutbox();
  const first = record("ws://127.0.0.1:9/v1/ws", { outbox });
  const bodies = Array.from({ length: 5 }, (_, index) => `n ${index}`);
  const sending = bodies.map((body) =>
    first.socket.send({ conversationId: CONVERSATION, body }).catch((error: unknown) => error),
  );
  const ids = first.socket.waiting.map(({ id }) => id);
  first.socket.close();
  for (const error of await Promise.all(sending)) expect(error).toMatchObject({ code: "closed" });
  using second = record(server.url, { outbox });
  const changes: OutboxChange[] = [];
  second.socket.on("outbox", (change) => changes.push(change));
  await second.socket.send({ conversationId: CONVERSATION, body: "the next one" });
  expect([...server.stored.keys()].slice(0, 5)).toEqual(ids);
  const stored = [...server.stored.values()].map(({ d }) => (d as { body: string }).body);
  expect(stored).toEqual([...bodies, "the next one"]);
  expect(changes.filter(({ op }) => op === "done")).toHaveLength(6);
  using third = record(server.url, { outbox });
  await opened(third);
  expect(third.socket.waiting).toEqual([]);
});

test("where there is no IndexedDB, what waits lives as long as the page", async () => {
  await using server = openScriptedServer();
  const outbox = createBrowserOutbox({ userId: "lan" });
  const first = record("ws://127.0.0.1:9/v1/ws", { outbox });
  const late = first.socket.send({ conversationId: CONVERSATION, body: "Chào" });
  first.socket.close();
  expect(await late.catch((error: { code: string }) => error.code)).toBe("closed");
  using second = record(server.url, { outbox });
  await until("what was left", () => server.received("send").length === 1);
  await until("its acknowledgement", () => second.socket.waiting.length === 0);
  expect(server.received("send").map((frame) => frame["body"])).toEqual(["Chào"]);
});

test("what has waited too long goes nowhere, by way of the next socket neither", async () => {
  await using server = openScriptedServer();
  const outbox = createMemoryOutbox(1);
  const first = record("ws://127.0.0.1:9/v1/ws", { outbox });
  const late = first.socket.send({ conversationId: CONVERSATION, body: "late" });
  first.socket.close();
  expect(await late.catch((error: { code: string }) => error.code)).toBe("closed");
  const closedAt = Date.now();
  await until("its time to pass", () => Date.now() > closedAt + 2);
  using second = record(server.url, { outbox });
  await opened(second);
  expect([second.socket.waiting, server.received("send")]).toEqual([[], []]);
});

test("how far somebody has read goes out once a second, only ahead, and until the server has heard it", async () => {
  let ignored = 1;
  await using server = openScriptedServer({
    answer: (frame, peer) => {
      if (frame.t !== "read" || ignored === 0) return false;
      ignored -= 1;
      peer.cut();
      return true;
    },
  });
  using recorder = record(server.url);
  await opened(recorder);
  for (let seq = 1; seq <= 50; seq += 1)
    recorder.socket.read({ conversationId: CONVERSATION, seq });
  recorder.socket.read({ conversationId: CONVERSATION, seq: 3 });
  const seqs = () => server.received("read").map((frame) => frame["seq"]);
  await until("the last position", () => seqs().includes(50));
  expect(seqs()).toEqual([1, 50]);
  recorder.socket.read({ conversationId: CONVERSATION, seq: 51, private: true });
  await until("the private one", () => seqs().includes(51));
  expect(server.received("read").at(-1)).toMatchObject({ priv: true, ch: CHANNEL });
});

test("typing is told once in a while, its end once, and neither waits for a connection", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  recorder.socket.type(CONVERSATION, true);
  await opened(recorder);
  for (let key = 0; key < 20; key += 1) recorder.socket.type(CONVERSATION, true);
  recorder.socket.type(CONVERSATION, false);
  recorder.socket.type(CONVERSATION, false);
  await until("the end", () => server.received("typ").some((frame) => frame["on"] === false));
  expect(server.received("typ")).toEqual([
    { t: "typ", ch: CHANNEL, on: true },
    { t: "typ", ch: CHANNEL, on: false },
  ]);
});

test("what is on screen is told, and told again to each new connection", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  recorder.socket.focus([CONVERSATION]);
  await opened(recorder);
  // The connection stands before its focus has come.
  await until("the first focus", () => server.received("focus").length === 1);
  server.peers[0]?.cut();
  await until("the second focus", () => server.received("focus").length === 2);
  const focus = { t: "focus", ch: [CHANNEL] };
  expect(server.received("focus")).toEqual([focus, focus]);
});

test("who types, who is there and who has read how far is told, and what is not known passes by", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  const heard: object[] = [];
  recorder.socket.on("ephemeral", (event) => heard.push(event));
  const eph = { t: "eph", ch: CHANNEL, u: "minh" };
  server.peers[0]?.send(
    { ...eph, k: "wave" },
    { ...eph, k: "typ", on: true },
    { ...eph, k: "pres", status: "online", at: 5 },
    { ...eph, k: "read", seq: 9 },
  );
  await until("all of it", () => heard.length >= 3);
  const of = { channel: CHANNEL, conversationId: CONVERSATION, userId: "minh" };
  expect(heard).toEqual([
    { ...of, kind: "typing", on: true },
    { ...of, kind: "presence", status: "online", at: 5 },
    { ...of, kind: "read", seq: 9 },
  ]);
});

test("a user's own stream has positions like any other, and begins where the greeting says", async () => {
  await using server = openScriptedServer({
    answer: (frame, peer) => {
      if (frame.t !== "hello") return false;
      peer.send({ t: "hello.ok", i: frame.i ?? 0, hb: 30_000, ts: 1, u: 4, chg: {} });
      return true;
    },
  });
  using recorder = record(server.url);
  await opened(recorder);
  const heard: object[] = [];
  recorder.socket.on("user", (event) => heard.push(event));
  const data = { conversationId: CONVERSATION, seq: 3 };
  const event = { t: "ev", ch: "u", seq: 5, k: "read.self", d: data, ts: 9 };
  server.peers[0]?.send(event, event, { ...event, seq: 4 });
  await until("the event", () => heard.length > 0);
  server.peers[0]?.cut();
  await until("the second hello", () => server.received("hello").length === 2);
  expect(server.received("hello").map((frame) => frame["u"])).toEqual([undefined, 5]);
  expect(server.received("hello")[1]?.["focus"]).toEqual({});
  expect(heard).toEqual([{ seq: 5, at: 9, kind: "read.self", data }]);
  expect(recorder.resets).toEqual([]);
});
