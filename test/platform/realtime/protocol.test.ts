import { afterAll, beforeAll, expect, test } from "bun:test";

import { TypeCompiler } from "@sinclair/typebox/compiler";

import { ChatEvents } from "../../../src/features/chat/schema/events.ts";
import { CloseCode } from "../../../src/platform/realtime/connection.ts";
import { CLOSE_MEANINGS } from "../../../src/platform/realtime/protocol.ts";
import { listUserEvents } from "../../../src/platform/realtime/user_events.ts";
import { createTokens, generateSigningKey } from "../../../src/platform/tokens.ts";
import { listServerFrames } from "../../../src/socket.ts";
import { call, converse, sessionOf, signUp } from "../../support/client.ts";
import { type Cluster, openCluster } from "../../support/instance.ts";
import { type Frame, openSocket, type TestSocket } from "../../support/socket.ts";

const FRAMES = listServerFrames();
/** What a socket gets only where a topic moves or ends: see the tests beside this. */
const SEEN_ELSEWHERE = ["sub.end", "top"];

let cluster: Cluster;
beforeAll(async () => {
  cluster = await openCluster({ worker: false });
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** Has a socket see everything that a server can say, the stop of the server included. */
async function seeEverything(): Promise<Frame[]> {
  const key = await generateSigningKey();
  const instance = await cluster.start({ JWT_KEYS: JSON.stringify([key]) });
  const [owner, other] = [await signUp(instance.url), await signUp(instance.url)];
  // Nearly as old as a token may be, so that its end is warned of.
  const tokens = createTokens([key], () => new Date(Date.now() - 570_000));
  const ids = { userId: owner.id, sessionId: sessionOf(owner.token) };
  const { token: old } = await tokens.sign({ ...ids, counter: 0 });
  const socket = await openSocket(instance.url, old, { since: 0, dev: "d", app: "a" });
  socket.send({ t: "tok", i: 7, tok: owner.token });
  await socket.next(({ t }) => t === "tok.ok", "tok.ok");
  const group = { kind: "group", name: "Group", memberIds: [other.id] };
  const ch = `c:${await converse(instance.url, owner.token, group)}`;
  await socket.next(({ k }) => k === "conv", "the opening of the group");
  const send = { t: "send", i: 2, ch, cid: crypto.randomUUID(), body: "Xin chào" };
  for (const frame of [send, { ...send, i: 3 }, { t: "nothing", i: 4 }, { t: "nothing" }])
    socket.send(frame);
  await socket.next(({ t, dup }) => t === "ack" && dup === true, "the second ack");
  for (const t of ["sub", "unsub"]) socket.send({ t, i: 8, ch: ["ticker:VNM"] });
  await socket.next(({ t }) => t === "unsub.ok", "unsub.ok");
  await lookOn(socket, { ch, writer: await openSocket(instance.url, other.token) });
  const at = `${instance.url}/v1/conversations/${ch.slice(2)}`;
  const { token } = owner;
  await liveWith(socket, ch);
  await call("PATCH", at, { token, body: { name: "Another" } });
  const member = `${at}/members/${other.id}`;
  await call("PATCH", member, { token, body: { role: "moderator" } });
  await call("DELETE", member, { token });
  await socket.next(({ k }) => k === "member", "the removal");
  socket.send({ t: "sync", i: 5, ch, from: 0 });
  socket.send({ t: "hb", i: 6, p: { [ch]: 1 } });
  await socket.next(({ t }) => t === "hb.ok", "hb.ok");
  await instance.stop();
  await socket.closed;
  return socket.frames;
}

/** Has the socket see what becomes of the first message. */
async function liveWith(socket: TestSocket, ch: string): Promise<void> {
  const { seq: msg } = await socket.next(({ k }) => k === "msg.new", "the message");
  const frames = [
    { t: "edit", body: "Chào", rev: 0 },
    { t: "react", e: "👍", on: true },
    { t: "pin", on: true },
    { t: "del" },
  ];
  socket.send(frames.map((frame, at) => ({ i: 20 + at, ch, msg, ...frame })));
  await socket.next(({ k }) => k === "msg.del", "the end of the message");
}

/** Has the socket see that somebody is writing. */
async function lookOn(
  socket: TestSocket,
  { ch, writer }: { ch: string; writer: TestSocket },
): Promise<void> {
  socket.send({ t: "focus", i: 9, ch: [ch] });
  await socket.next(({ t, i }) => t === "ok" && i === 9, "ok");
  writer.send({ t: "typ", ch, on: true });
  await socket.next(({ t, k }) => t === "eph" && k === "typ", "that somebody writes");
  writer.close();
}

test("what a real server says is what the protocol's description says, and nothing beside it", async () => {
  const frames = await seeEverything();
  const checks = new Map(
    Object.entries(FRAMES).map(([type, schema]) => [type, TypeCompiler.Compile(schema)]),
  );
  const wrong = frames.filter((frame) => checks.get(frame.t)?.Check(frame) !== true);
  expect(wrong).toEqual([]);
  const seen = new Set(frames.map(({ t }) => t));
  expect(Object.keys(FRAMES).filter((type) => !seen.has(type))).toEqual(SEEN_ELSEWHERE);

  const synced = frames.flatMap(({ ev }) => (Array.isArray(ev) ? (ev as Frame[]) : []));
  const events = [...frames.filter(({ t }) => t === "ev"), ...synced];
  const kinds = new Map(
    Object.entries(ChatEvents).map(([kind, { data }]) => [kind, TypeCompiler.Compile(data)]),
  );
  const ownKinds = new Map(listUserEvents().map(({ name, check }) => [name, check]));
  const isTold = ({ t, ch, k = "", d }: Frame) =>
    t === "ev" && (ch === "u" ? ownKinds.get(k)?.(d) : kinds.get(k)?.Check(d)) === true;
  expect(events.filter((event) => !isTold(event))).toEqual([]);
  const inConversations = events.filter(({ ch }) => ch !== "u");
  expect(new Set(inConversations.map(({ k }) => k))).toEqual(new Set(kinds.keys()));
});

test("a code from 4400 on stops the client, and one below it does not", () => {
  for (const [name, { client }] of Object.entries(CLOSE_MEANINGS)) {
    const code = CloseCode[name as keyof typeof CloseCode];
    expect([code, client.startsWith("stops")]).toEqual([code, code >= 4400]);
  }
});
