import { expect, test } from "bun:test";

import { converse, signUp } from "../../support/client.ts";
import { openCluster } from "../../support/instance.ts";
import { eventsOf, openSocket } from "../../support/socket.ts";

test("messages that are sent in a heap are stored, acknowledged and told one by one and in order", async () => {
  await using cluster = await openCluster();
  const [near, far] = await Promise.all([cluster.start(), cluster.start({ ROLE: "api,socket" })]);
  const [lan, minh] = [await signUp(near.url), await signUp(near.url)];
  const [first, second] = [
    await converse(near.url, lan.token, { kind: "direct", userId: minh.id }),
    await converse(near.url, lan.token, { kind: "group", name: "Two", memberIds: [minh.id] }),
  ];
  const sender = await openSocket(near.url, lan.token);
  const reader = await openSocket(far.url, minh.token);

  const repeated = crypto.randomUUID();
  const frames = Array.from({ length: 150 }, (_, at) => ({
    t: "send",
    i: at + 10,
    ch: `c:${at % 50 < 40 ? first : second}`,
    cid: at === 3 || at === 5 ? repeated.toUpperCase() : crypto.randomUUID(),
    body: `message ${at}`,
  }));
  // Some in one array, the others each by itself: the server's line is the same.
  sender.send(frames.slice(0, 60));
  for (const frame of frames.slice(60)) sender.send(frame);
  await sender.next((frame) => frame.t === "ack" && frame.i === 159, "the last ack");
  await reader.next((frame) => frame.d?.body === "message 149", "the last message");

  const acks = sender.frames.filter((frame) => frame.t === "ack");
  expect(acks.map((ack) => ack.i)).toEqual(frames.map((frame) => frame.i));
  expect(acks.filter((ack) => ack["dup"]).map((ack) => ack.i)).toEqual([15]);
  expect(acks[5]).toMatchObject({ msg: acks[3]?.["msg"], seq: acks[3]?.seq });
  for (const id of [first, second]) {
    const sent = frames.filter((frame, at) => frame.ch === `c:${id}` && at !== 5);
    const told = eventsOf(reader, id).filter((event) => event.k === "msg.new");
    expect(told.map((event) => event.d?.body)).toEqual(sent.map((frame) => frame.body));
    const positions = told.map((event) => event.seq ?? 0);
    expect(positions).toEqual(positions.map((_, at) => (positions[0] ?? 0) + at));
    const rows = await cluster.database.sql<{ body: string; no: number }[]>`
      select body, no::int from app.messages where conversation_id = ${id} order by seq`;
    expect(rows.map((row) => row.body)).toEqual(sent.map((frame) => frame.body));
    expect(rows.map((row) => row.no)).toEqual(rows.map((_, at) => at + 1));
  }
});

test("who is no member gets a refusal for each message of a heap, and nothing is stored", async () => {
  await using cluster = await openCluster();
  const { url } = await cluster.start();
  const [lan, minh, stranger] = [await signUp(url), await signUp(url), await signUp(url)];
  const id = await converse(url, lan.token, { kind: "direct", userId: minh.id });
  const socket = await openSocket(url, stranger.token);
  socket.send(
    [2, 3, 4].map((i) => ({ t: "send", i, ch: `c:${id}`, cid: crypto.randomUUID(), body: "x" })),
  );
  await socket.next((frame) => frame.i === 4);
  const answers = socket.frames.slice(1).map(({ t, i, m }) => [t, i, m]);
  expect(answers).toEqual([2, 3, 4].map((i) => ["err", i, "not_found"]));
  const rows = await cluster.database
    .sql`select 1 from app.messages where sender_id = ${stranger.id}`;
  expect(rows).toHaveLength(0);
});
