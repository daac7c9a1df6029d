import { expect, test } from "bun:test";

import { until } from "../support/poll.ts";
import { opened, record, seqsOf } from "./recorder.ts";
import { openScriptedServer, type Peer } from "./scripted_server.ts";

const CONVERSATION = "0192f3a1-0000-7000-8000-000000000001";
const CHANNEL = `c:${CONVERSATION}`;

/** As a browser tells it; Bun has the same global events, but not in its types. */
function goOnline(): void {
  (globalThis as unknown as EventTarget).dispatchEvent(new Event("online"));
}

test("every connection says hello with a ticket of its own and with what it knows", async () => {
  await using server = openScriptedServer();
  server.append(CHANNEL);
  using recorder = record(server.url);
  await opened(recorder);
  server.peers[0]?.cut();
  await until("a second hello", () => server.received("hello").length === 2);
  expect(server.received("hello")).toEqual([
    { t: "hello", v: 1, i: 1, tok: "ticket 1", since: 0, focus: {} },
    { t: "hello", v: 1, i: 1, tok: "ticket 2", since: 0, focus: { [CHANNEL]: 1 } },
  ]);
  await opened(recorder);
  expect(recorder.states).toEqual(["open", "waiting", "connecting", "open"]);
});

test("events that come twice, out of order or not at all are delivered once and in order", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  const [one, two, three, four, five] = Array.from({ length: 5 }, (_, index) =>
    server.append(CHANNEL, `n ${index}`),
  );
  const [peer] = server.peers;
  if (!peer || !one || !two || !three || !four || !five) throw new Error("Cannot happen");
  peer.send(one, one, three, two, three, five);
  await until("all of them", () => recorder.events.length >= 5);
  peer.send(one, five, { t: "hb.ok", ts: 1, top: { [CHANNEL]: 5 } }, server.append(CHANNEL));
  await until("the last one", () => recorder.events.length >= 6);
  expect(seqsOf(recorder)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(recorder.events[0]).toEqual({
    channel: CHANNEL,
    conversationId: CONVERSATION,
    seq: 1,
    at: 1,
    kind: "msg.new",
    data: {
      id: "m1",
      seq: 1,
      clientId: expect.any(String),
      senderId: "s",
      body: "n 0",
      createdAt: "",
    },
  });
  expect(recorder.resets).toEqual([]);
});

test("a silent loss is found by the next heartbeat, and so is one during an absence", async () => {
  await using server = openScriptedServer({ hbMs: 20 });
  server.append(CHANNEL);
  using recorder = record(server.url);
  await opened(recorder);
  for (let count = 0; count < 25; count += 1) server.append(CHANNEL);
  await until("what the heartbeat found", () => recorder.events.length >= 25);
  server.peers[0]?.close(4004);
  for (let count = 0; count < 12; count += 1) server.append(CHANNEL);
  await until("what the hello found", () => recorder.events.length >= 37);
  expect(seqsOf(recorder)).toEqual(Array.from({ length: 37 }, (_, index) => index + 2));
  expect(server.received("hb")[0]).toEqual({ t: "hb", i: expect.any(Number), p: { [CHANNEL]: 1 } });
});

test("frames, kinds and fields of a later server, and what is no frame at all, are passed over", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  const [peer] = server.peers;
  const later = { ...server.append(CHANNEL), k: "poll.new" };
  const known = { ...server.append(CHANNEL), mood: "new" };
  peer?.send("not JSON", "[]", "null", "[1]", "{}", { t: "eph", on: true }, { t: "err", m: "x" });
  peer?.send(JSON.stringify([later, known]));
  await until("the known one", () => recorder.events.length > 0);
  expect(seqsOf(recorder)).toEqual([2]);
  expect(server.received("sync")).toEqual([]);
  expect(recorder.states).toEqual(["open"]);
});

const COME_BACK: [string, (peer: Peer) => void][] = [
  ["no close frame", (peer) => peer.cut()],
  ["1000", (peer) => peer.close(1000)],
  ["1001", (peer) => peer.close(1001)],
  ["4000", (peer) => peer.close(4000, "overloaded")],
  ["4004", (peer) => peer.close(4004)],
];

test.each(COME_BACK)("after %s the socket comes back", async (_, end) => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  const [peer] = server.peers;
  if (peer) end(peer);
  await until("the second connection", () => server.peers.length === 2);
  await opened(recorder);
  expect(recorder.ended).toEqual([]);
});

test.each([
  [4400, "at_fault"],
  [4401, "signed_out"],
  [4403, "signed_out"],
  [4408, "at_fault"],
  [4409, "replaced"],
  [4426, "at_fault"],
])("after %i the socket is %s and does not come back", async (code, verdict) => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  server.peers[0]?.close(code, "because");
  await until("the end", () => recorder.ended.length > 0);
  expect(recorder.ended).toMatchObject([{ verdict, code, reason: "because" }]);
  expect(recorder.states).toEqual(["open", "closed"]);
  goOnline();
  expect([recorder.tickets(), server.peers.length]).toEqual([1, 1]);
});

test("a drained socket comes back within the window that the server gave, whatever the network says", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url);
  await opened(recorder);
  const start = performance.now();
  server.peers[0]?.send({ t: "away", in: [200, 260], why: "deploy" });
  server.peers[0]?.close(4001, "drain");
  await until("the loss", () => recorder.socket.state === "waiting");
  goOnline();
  expect(recorder.socket.state).toBe("waiting");
  await until("the second connection", () => server.peers.length === 2);
  expect(performance.now() - start).toBeGreaterThanOrEqual(199);
});

test("the network's return ends a long wait at once, and checks a connection that seems open", async () => {
  await using server = openScriptedServer();
  using recorder = record(server.url, { backoffMs: () => 600_000 });
  await opened(recorder);
  goOnline();
  await until("a heartbeat", () => server.received("hb").length === 1);
  server.peers[0]?.cut();
  await until("the loss", () => recorder.socket.state === "waiting");
  goOnline();
  await opened(recorder);
  expect(server.peers).toHaveLength(2);
});

test("a server that falls silent is left for another connection", async () => {
  let silent = true;
  await using server = openScriptedServer({
    hbMs: 20,
    answer: (frame) => frame.t === "hb" && silent,
  });
  using recorder = record(server.url, { answerTimeoutMs: 60 });
  await opened(recorder);
  await until("the second connection", () => server.peers.length === 2);
  silent = false;
  await opened(recorder);
  expect(recorder.ended).toEqual([]);
});

test("a connection that never gets its greeting, or its ticket, is given up for the next one", async () => {
  let deaf = true;
  let unanswered = 0;
  await using server = openScriptedServer({
    answer: (frame) => {
      if (frame.t !== "hello" || !deaf) return false;
      unanswered += 1;
      return true;
    },
  });
  let tickets = 0;
  const ticket = async () => {
    tickets += 1;
    if (tickets === 1) return await Promise.withResolvers<string>().promise;
    if (tickets === 2) throw new Error("Cannot reach the server");
    return "ticket";
  };
  using recorder = record(server.url, { ticket, connectTimeoutMs: 80 });
  await until("a greeting that is not answered", () => unanswered === 1);
  deaf = false;
  await opened(recorder);
  expect(tickets).toBe(4);
  expect(server.peers).toHaveLength(2);
});

test("an unused ticket that was lost is replaced once; a second refusal is final", async () => {
  let refusals = 1;
  await using server = openScriptedServer({
    answer: (frame, peer) => {
      if (frame.t !== "hello" || refusals === 0) return false;
      refusals -= 1;
      peer.close(4401, "token_invalid");
      return true;
    },
  });
  using lucky = record(server.url);
  await opened(lucky);
  expect([lucky.tickets(), lucky.ended.length]).toEqual([2, 0]);
  refusals = 2;
  using unlucky = record(server.url);
  await until("the end", () => unlucky.socket.state === "closed");
  expect(unlucky.tickets()).toBe(2);
  expect(unlucky.ended).toEqual([{ verdict: "signed_out", code: 4401, reason: "token_invalid" }]);
});

test.each([
  [401, "signed_out"],
  [403, "at_fault"],
])(
  "a ticket that is refused with %i is final, and no connection is made",
  async (status, verdict) => {
    await using server = openScriptedServer();
    const refusal = Object.assign(new Error("refused"), { status, code: "because" });
    using recorder = record(server.url, { ticket: () => Promise.reject(refusal) });
    await until("the end", () => recorder.socket.state === "closed");
    expect(recorder.ended).toMatchObject([{ verdict, code: 0, reason: "because" }]);
    expect(server.peers).toEqual([]);
  },
);

test("a socket that is closed in the turn in which it was opened asks for nothing", async () => {
  await using server = openScriptedServer();
  using strict = record(server.url);
  strict.socket.close();
  using recorder = record(server.url);
  await opened(recorder);
  expect([strict.tickets(), server.peers.length]).toEqual([0, 1]);
  expect(strict.states).toEqual(["closed"]);
});

test("a runtime without WebSocket is told what is missing", () => {
  const none = "none" as unknown as typeof WebSocket;
  expect(() => record("ws://localhost", { WebSocket: none })).toThrow("has no WebSocket");
});
