import { expect, test } from "bun:test";

import { converse, signUp } from "../support/client.ts";
import { openCluster } from "../support/instance.ts";
import { until } from "../support/poll.ts";
import { eventsOf, openSocket } from "../support/socket.ts";

test("what a killed instance committed and did not tell is told once, and its rows are deleted", async () => {
  await using cluster = await openCluster();
  const { sql } = cluster.database;
  const [relay, other] = await Promise.all([
    cluster.start(),
    cluster.start({ ROLE: "api,socket" }),
  ]);
  const [lan, minh] = [await signUp(relay.url), await signUp(relay.url)];
  const conversation = await converse(relay.url, lan.token, { kind: "direct", userId: minh.id });
  const sockets = await Promise.all([
    openSocket(relay.url, minh.token),
    openSocket(other.url, minh.token),
  ]);

  const [message, channel] = [Bun.randomUUIDv7(), `c:${conversation}`];
  const seq = await sql.begin(async (tx) => {
    const [row] = await tx<{ seq: number; no: number }[]>`
      update app.conversations set last_seq = last_seq + 1, last_no = last_no + 1
      where id = ${conversation} returning last_seq::int as seq, last_no::int as no`;
    if (!row) throw new Error("Cannot find the conversation");
    await tx`insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
      values (${message}, ${conversation}, ${row.no}, ${row.seq}, ${lan.id}, ${message}, 'left', now())`;
    // Twice, as when an instance dies between telling and deleting.
    for (let copy = 0; copy < 2; copy += 1)
      await tx`insert into app.bus_outbox (id, channel, seq, created_at)
        values (${Bun.randomUUIDv7()}, ${channel}, ${row.seq}, now() - interval '5 seconds')`;
    return row.seq;
  });

  for (const socket of sockets)
    await socket.next((frame) => frame.d?.body === "left", "the message that was left");
  await until("an empty outbox", async () => {
    const rows = await sql`select 1 from app.bus_outbox where channel = ${channel}`;
    return rows.length === 0;
  });
  for (const socket of sockets) {
    socket.send({ t: "hb", i: 5 });
    await socket.next((frame) => frame.t === "hb.ok" && frame.i === 5);
    expect(eventsOf(socket, conversation).filter((frame) => frame.seq === seq)).toHaveLength(1);
  }
  await until("a word of the relay", () =>
    relay.log().includes("relayed what another instance left"),
  );
});

test("a row that stands for several events tells each of them once and in order", async () => {
  await using cluster = await openCluster();
  const { sql } = cluster.database;
  const relay = await cluster.start();
  const [lan, minh] = [await signUp(relay.url), await signUp(relay.url)];
  const conversation = await converse(relay.url, lan.token, { kind: "direct", userId: minh.id });
  const channel = `c:${conversation}`;
  const first = await sql.begin(async (tx) => {
    const [row] = await tx<{ seq: number }[]>`
      update app.conversations set last_seq = last_seq + 3, last_no = last_no + 3
      where id = ${conversation} returning (last_seq - 2)::int as seq`;
    if (!row) throw new Error("Cannot find the conversation");
    for (let at = 0; at < 3; at += 1) {
      const id = Bun.randomUUIDv7();
      await tx`insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
        values (${id}, ${conversation}, ${at + 1}, ${row.seq + at}, ${lan.id}, ${id}, ${`left ${at}`}, now())`;
    }
    return row.seq;
  });
  // The socket stands in front of the events, as one that was there before they happened.
  await sql`update app.conversations set last_seq = ${first - 1} where id = ${conversation}`;
  const socket = await openSocket(relay.url, minh.token);
  await sql`update app.conversations set last_seq = ${first + 2} where id = ${conversation}`;
  await sql`insert into app.bus_outbox (id, channel, seq, events, created_at)
    values (${Bun.randomUUIDv7()}, ${channel}, ${first}, 3, now() - interval '5 seconds')`;

  await socket.next((frame) => frame.d?.body === "left 2", "the last of the events");
  const bodies = eventsOf(socket, conversation).map((frame) => frame.d?.body);
  expect(bodies).toEqual(["left 0", "left 1", "left 2"]);
  await until("an empty outbox", async () => {
    const rows = await sql`select 1 from app.bus_outbox where channel = ${channel}`;
    return rows.length === 0;
  });
  await until("a word of the relay", () =>
    relay.log().includes("relayed what another instance left"),
  );
});
