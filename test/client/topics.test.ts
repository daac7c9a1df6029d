import { expect, test } from "bun:test";

import type { TopicValue } from "../../src/client/mod.ts";
import { until } from "../support/poll.ts";
import { opened, record } from "./recorder.ts";
import { openScriptedServer } from "./scripted_server.ts";

const VNM = "ticker:VNM";

test("a topic tells what it holds and what comes, again after a reconnection, and ends with its last listener", async () => {
  const topics = { [VNM]: { d: { price: 1 }, ts: 1 } };
  await using server = openScriptedServer({ topics });
  using recorder = record(server.url);
  const values: (TopicValue | undefined)[] = [];
  const stop = recorder.socket.subscribe(VNM, (value) => values.push(value));
  const second: unknown[] = [];
  await until("the first value", () => values.length === 1);
  const stopSecond = recorder.socket.subscribe(VNM, (value) => second.push(value?.data));
  server.peers[0]?.send({ t: "top", ch: VNM, d: { price: 2 }, ts: 2 });
  await until("the second value", () => values.length === 2);
  // An older value, and one of a topic that nobody follows.
  server.peers[0]?.send({ t: "top", ch: VNM, d: { price: 0 }, ts: 1 });
  server.peers[0]?.send({ t: "top", ch: "ticker:VCB", d: { price: 9 }, ts: 9 });
  topics[VNM] = { d: { price: 3 }, ts: 3 };
  server.peers[0]?.cut();
  await until("the value of the new connection", () => values.length === 3);
  expect(values.map((value) => value?.data)).toEqual([{ price: 1 }, { price: 2 }, { price: 3 }]);
  expect(second).toEqual([{ price: 1 }, { price: 2 }, { price: 3 }]);
  stopSecond();
  expect(server.received("unsub")).toEqual([]);
  stop();
  await until("the end", () => server.received("unsub").length === 1);
  expect(server.received("unsub")[0]).toMatchObject({ ch: [VNM] });
});

test("topics of one turn are asked for together; one that is refused does not keep the others away", async () => {
  await using server = openScriptedServer({
    topics: { "ticker:AAA": { d: 1, ts: 1 } },
    answer: (frame, peer) => {
      if (frame.t !== "sub" || !(frame["ch"] as string[]).includes("secret:1")) return false;
      peer.send({ t: "err", i: frame.i ?? 0, c: 4040, m: "not_found", retry: false });
      return true;
    },
  });
  using recorder = record(server.url);
  await opened(recorder);
  const told: [string, unknown][] = [];
  for (const topic of ["ticker:AAA", "secret:1"])
    recorder.socket.subscribe(topic, (value) => told.push([topic, value?.data]));
  await until("both answers", () => told.length === 2);
  expect(new Map(told)).toEqual(
    new Map<string, unknown>([
      ["ticker:AAA", 1],
      ["secret:1", undefined],
    ]),
  );
  const asked = server.received("sub").map((frame) => frame["ch"]);
  expect(asked).toEqual([["ticker:AAA", "secret:1"], ["ticker:AAA"], ["secret:1"]]);
  server.peers[0]?.cut();
  await until("the second connection", () => server.received("sub").length === 4);
  expect(server.received("sub").at(-1)?.["ch"]).toEqual(["ticker:AAA"]);
});

test("a topic that may not be followed any longer says so once and is not asked for again", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  const told: unknown[] = [];
  recorder.socket.subscribe(VNM, (value) => told.push(value));
  await until("the subscription", () => server.received("sub").length === 1);
  server.peers[0]?.send({ t: "sub.end", ch: [VNM] }, { t: "sub.end", ch: [VNM] });
  await until("the end", () => told.length > 0);
  server.peers[0]?.cut();
  await until("the second connection", () => server.peers.length === 2);
  await opened(recorder);
  expect(told).toEqual([undefined]);
  expect(server.received("sub")).toHaveLength(1);
});

test("more topics than the server lets one socket follow are refused here", () => {
  using recorder = record("ws://127.0.0.1:9/v1/ws");
  for (let count = 0; count < 200; count += 1)
    recorder.socket.subscribe(`ticker:${count}`, () => undefined);
  expect(() => recorder.socket.subscribe(VNM, () => undefined)).toThrow("200 topics");
});
