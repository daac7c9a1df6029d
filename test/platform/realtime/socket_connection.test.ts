import { expect, test } from "bun:test";

import { EPHEMERAL_BYTES, SLOW_BYTES } from "../../../src/platform/realtime/limits.ts";
import {
  newSocketData,
  type Socket,
  SocketConnection,
} from "../../../src/platform/realtime/socket_connection.ts";

/** A socket that only notes its topics, what it was sent, and how it was closed. */
function openFake() {
  const topics = new Set<string>();
  const sent: string[] = [];
  const state = { buffered: 0, closed: 0 };
  const socket: Partial<Socket> = {
    data: newSocketData(undefined),
    send: (text) => sent.push(text as string),
    getBufferedAmount: () => state.buffered,
    subscribe: (topic) => topics.add(topic).size > 0,
    unsubscribe: (topic) => topics.delete(topic),
    close: (code) => void (state.closed = code ?? 0),
  };
  Object.defineProperty(socket, "subscriptions", { get: () => [...topics] });
  const who = { userId: "lan", sessionId: "phone" };
  return { connection: new SocketConnection(socket as Socket, who), topics, sent, state };
}

test("a slow reader keeps its channels and leaves only what may be lost, until it is brought back", () => {
  const { connection, topics } = openFake();
  connection.join("c:1");
  connection.watch("c:1");
  connection.shed();
  connection.shed();
  expect([...topics]).toEqual(["c:1"]);
  connection.watch("c:2");
  expect([...topics]).toEqual(["c:1"]);
  connection.restore();
  connection.restore();
  expect([...topics]).toEqual(["c:1", "c:1:e", "c:2:e"]);
});

test("whoever leaves a channel gets nothing more of it, also when it was slow at that moment", () => {
  const quick = openFake();
  quick.connection.join("c:1");
  quick.connection.watch("c:1");
  quick.connection.leave("c:1");
  expect([...quick.topics]).toEqual([]);
  const slow = openFake();
  slow.connection.join("c:1");
  slow.connection.watch("c:1");
  slow.connection.shed();
  slow.connection.leave("c:1");
  slow.connection.restore();
  expect([...slow.topics]).toEqual([]);
});

test("what may be lost is not sent to a slow reader, and what may not is, until it is too much", () => {
  const { connection, sent, state } = openFake();
  connection.sendEphemeral("1");
  state.buffered = EPHEMERAL_BYTES;
  connection.sendEphemeral("2");
  connection.send("3");
  expect([sent, state.closed]).toEqual([["1", "3"], 0]);
  state.buffered = SLOW_BYTES;
  connection.send("4");
  expect([sent, state.closed]).toEqual([["1", "3", "4"], 4002]);
  const shed = openFake();
  shed.connection.shed();
  shed.connection.sendEphemeral("5");
  expect(shed.sent).toEqual([]);
});
