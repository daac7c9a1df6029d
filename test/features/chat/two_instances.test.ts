import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { eventsOf, openSocket, type TestSocket } from "../../support/socket.ts";

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function isMessage(body: string) {
  return (frame: { k?: string; d?: { body?: string } }) =>
    frame.k === "msg.new" && frame.d?.body === body;
}

function expectInOrder(socket: TestSocket, conversationId: string): void {
  const seqs = eventsOf(socket, conversationId).map((frame) => frame.seq ?? 0);
  expect(seqs).toEqual(Array.from(seqs, (_, index) => (seqs[0] ?? 0) + index));
}

test("1,000 messages sent through two instances reach both sides once and in order", async () => {
  const [lan, minh] = [await signUp(first.url, "Lan"), await signUp(second.url, "Minh")];
  const conversation = await converse(first.url, lan.token, { kind: "direct", userId: minh.id });
  const ticket = await call("POST", `${second.url}/v1/realtime/ticket`, { token: minh.token });
  const lanSocket = await openSocket(first.url, lan.token);
  const minhSocket = await openSocket(second.url, String(ticket.body["ticket"]));
  for (let count = 0; count < 500; count += 1) {
    for (const [socket, name] of [
      [lanSocket, "lan"],
      [minhSocket, "minh"],
    ] as const)
      socket.send({
        t: "send",
        i: count,
        ch: `c:${conversation}`,
        cid: crypto.randomUUID(),
        body: `${name} ${count}`,
      });
  }
  for (const socket of [lanSocket, minhSocket]) {
    await socket.next((frame) => frame.t === "ev" && frame.seq === 1_001, "the last message");
    const events = eventsOf(socket, conversation).filter((frame) => frame.k === "msg.new");
    expect(events).toHaveLength(1_000);
    expect(new Set(events.map((frame) => frame.d?.id)).size).toBe(1_000);
    expectInOrder(socket, conversation);
    expect(socket.frames.filter((frame) => frame.t === "err")).toEqual([]);
  }
});

test("kill -9 of one instance in the middle loses no acknowledged message", async () => {
  const doomed = await cluster.start();
  const [lan, minh] = [await signUp(first.url), await signUp(second.url)];
  const conversation = await converse(first.url, lan.token, { kind: "direct", userId: minh.id });
  const reader = await openSocket(first.url, minh.token);
  const writer = await openSocket(doomed.url, lan.token);
  for (let count = 0; count < 400; count += 1)
    writer.send({
      t: "send",
      ch: `c:${conversation}`,
      cid: crypto.randomUUID(),
      body: `n ${count}`,
    });
  await writer.next(() => writer.frames.filter((frame) => frame.t === "ack").length >= 100);
  await doomed.kill();
  await writer.closed;
  const acked = writer.frames.filter((frame) => frame.t === "ack").map((frame) => frame["msg"]);
  const last = await call("POST", `${second.url}/v1/conversations/${conversation}/messages`, {
    token: minh.token,
    body: { clientId: crypto.randomUUID(), body: "after the kill" },
  });
  expect(last.status).toBe(201);
  await reader.next(isMessage("after the kill"), "the message after the kill");
  const got = eventsOf(reader, conversation).map((frame) => frame.d?.id);
  expect(acked.length).toBeGreaterThanOrEqual(100);
  for (const id of acked) expect(got.includes(String(id))).toBe(true);
  expectInOrder(reader, conversation);
  const rows = await cluster.database.sql<{ n: number }[]>`
    select count(*)::int as n from app.messages where conversation_id = ${conversation}`;
  expect(got.filter((id) => id !== undefined).length).toBe(rows[0]?.n ?? -1);
});

test("a user who is removed gets nothing that is sent later, and who is added gets everything from then", async () => {
  const [owner, guest, late] = [
    await signUp(first.url),
    await signUp(second.url),
    await signUp(second.url),
  ];
  const group = await converse(first.url, owner.token, {
    kind: "group",
    name: "VN30",
    memberIds: [guest.id],
  });
  const ownerSocket = await openSocket(first.url, owner.token);
  const guestSocket = await openSocket(second.url, guest.token);
  const lateSocket = await openSocket(second.url, late.token);
  const say = async (body: string) =>
    await call("POST", `${first.url}/v1/conversations/${group}/messages`, {
      token: owner.token,
      body: { clientId: crypto.randomUUID(), body },
    });
  await say("all of us");
  await guestSocket.next(isMessage("all of us"));
  const members = `${second.url}/v1/conversations/${group}/members`;
  const removed = await call(
    "DELETE",
    `${first.url}/v1/conversations/${group}/members/${guest.id}`,
    {
      token: owner.token,
    },
  );
  const added = await call("PUT", `${members}/${late.id}`, { token: owner.token });
  expect([removed.status, added.status]).toEqual([204, 204]);
  await say("without the guest");
  await lateSocket.next(isMessage("without the guest"));
  await ownerSocket.next(isMessage("without the guest"));
  guestSocket.send({ t: "hb", i: 77 });
  await guestSocket.next((frame) => frame.t === "hb.ok" && frame.i === 77);
  expect(guestSocket.frames.some(isMessage("without the guest"))).toBe(false);
  expect(lateSocket.frames.some(isMessage("all of us"))).toBe(false);
  const refused = await call("GET", `${second.url}/v1/conversations/${group}/messages`, {
    token: guest.token,
  });
  expect(refused.status).toBe(404);
  expect(String(refused.body["code"])).toBe("not_found");
});
