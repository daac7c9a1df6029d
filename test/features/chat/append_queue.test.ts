import { expect, test } from "bun:test";

import { converse, signUp } from "../../support/client.ts";
import { openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";
import { eventsOf, type Frame, openSocket, type TestSocket } from "../../support/socket.ts";

const SENDERS = 8;
const EACH = 12;
const WAIT_MS = 25_000;

function say(conversationId: string, sender: number): (at: number) => object {
  return (at) => ({
    t: "send",
    i: at + 1,
    ch: `c:${conversationId}`,
    cid: crypto.randomUUID(),
    body: `${sender}:${at}`,
  });
}

function answersOf(socket: TestSocket): Frame[] {
  return socket.frames.filter(({ t }) => t === "ack" || t === "err");
}

test("many senders in one conversation are stored in few transactions, each under its own rights", async () => {
  await using cluster = await openCluster({ worker: false });
  const { url } = await cluster.start();
  const people = await Promise.all(Array.from({ length: SENDERS }, () => signUp(url)));
  const [owner, ...members] = people;
  const stranger = await signUp(url);
  const memberIds = members.map(({ id }) => id);
  const group = await converse(url, owner?.token ?? "", { kind: "group", name: "Hot", memberIds });
  const sockets = await Promise.all(people.map(({ token }) => openSocket(url, token)));
  const outside = await openSocket(url, stranger.token);
  const before = await transactionsOf(group);

  // One frame at a time from each, so that only different senders can share a transaction.
  async function talk(socket: TestSocket, sender: number): Promise<void> {
    const frame = say(group, sender);
    for (let at = 0; at < EACH; at += 1) {
      socket.send(frame(at));
      await socket.next(({ t, i }) => (t === "ack" || t === "err") && i === at + 1);
    }
  }
  await Promise.all([...sockets, outside].map(talk));

  expect(answersOf(outside).map(({ t, m }) => [t, m])).toEqual(
    Array.from({ length: EACH }, () => ["err", "not_found"]),
  );
  const rows = await cluster.database.sql<
    { seq: number; no: number; sender: string; body: string }[]
  >`select seq::int, no::int, sender_id::text as sender, body from app.messages
    where conversation_id = ${group} order by seq`;
  expect(rows).toHaveLength(SENDERS * EACH);
  expect(rows.map(({ no }) => no)).toEqual(rows.map((_, at) => at + 1));
  people.forEach(({ id }, sender) => {
    const bodies = rows.filter((row) => row.sender === id).map(({ body }) => body);
    expect(bodies).toEqual(Array.from({ length: EACH }, (_, at) => `${sender}:${at}`));
  });
  for (const socket of sockets) {
    await until("all events", () => eventsOf(socket, group).length >= rows.length, WAIT_MS);
    const told = eventsOf(socket, group).filter(({ k }) => k === "msg.new");
    expect(told.map(({ d }) => d?.body)).toEqual(rows.map(({ body }) => body));
  }
  expect((await transactionsOf(group)) - before).toBeLessThan(rows.length / 2);

  /** Every row knows the transaction that has written it. */
  async function transactionsOf(id: string): Promise<number> {
    const [row] = await cluster.database.sql<{ n: number }[]>`
      select count(distinct xmin::text)::int as n from app.messages where conversation_id = ${id}`;
    return row?.n ?? 0;
  }
});

test("who is being removed holds nobody up, and a client id that two devices send at once is one message", async () => {
  await using cluster = await openCluster({ worker: false });
  const { url } = await cluster.start();
  const [owner, member, other] = [await signUp(url), await signUp(url), await signUp(url)];
  const group = await converse(url, owner.token, {
    kind: "group",
    name: "Hot",
    memberIds: [member.id, other.id],
  });
  const [first, second, third, busy] = [
    await openSocket(url, owner.token),
    await openSocket(url, member.token),
    await openSocket(url, other.token),
    await openSocket(url, other.token),
  ];
  // Somebody has the member's row, as a removal would, and then asks for the conversation's.
  await cluster.database.sql.begin(async (tx) => {
    await tx`select 1 from app.conversation_members
      where conversation_id = ${group} and user_id = ${member.id} for update`;
    const twice = { ...say(group, 9)(0), cid: crypto.randomUUID() };
    first.send(say(group, 0)(0));
    second.send(say(group, 1)(0));
    third.send(twice);
    busy.send(twice);
    await Promise.all([first, third, busy].map((socket) => socket.next(({ t }) => t === "ack")));
    expect(answersOf(second)).toEqual([]);
    await tx`select 1 from app.conversations where id = ${group} for update`;
  });
  await second.next(({ t }) => t === "ack");
  const acks = [...answersOf(third), ...answersOf(busy)];
  expect(acks.filter((ack) => ack["dup"])).toHaveLength(1);
  expect(new Set(acks.map((ack) => ack["msg"])).size).toBe(1);
  const [row] = await cluster.database.sql<{ n: number }[]>`
    select count(*)::int as n from app.messages where conversation_id = ${group}`;
  expect(row?.n).toBe(3);
});

test("what waits for a connection shares transactions with other conversations, and keeps to its own", async () => {
  await using cluster = await openCluster({ worker: false });
  const { url } = await cluster.start();
  const [owner, member] = [await signUp(url), await signUp(url)];
  const groups: string[] = [];
  for (let at = 0; at < SENDERS; at += 1) {
    const group = { kind: "group", name: `${at}`, memberIds: [member.id] };
    groups.push(await converse(url, owner.token, group));
  }
  const sockets = await Promise.all(
    Array.from({ length: SENDERS * 2 }, (_, at) =>
      openSocket(url, (at % 2 === 0 ? owner : member).token),
    ),
  );
  // Each socket says everything at once, to one conversation after the other, so that nothing of it is a batch.
  for (const [sender, socket] of sockets.entries())
    for (let at = 0; at < EACH; at += 1)
      socket.send(say(groups[(sender + at) % groups.length] ?? "", sender)(at));
  for (const socket of sockets)
    await until("all acks", () => answersOf(socket).length >= EACH, WAIT_MS);
  expect(sockets.flatMap(answersOf).filter(({ t }) => t === "err")).toEqual([]);
  const [stored] = await cluster.database.sql<{ rows: number; transactions: number }[]>`
    select count(*)::int as rows, count(distinct xmin::text)::int as transactions from app.messages
    where conversation_id = any(${groups})`;
  expect(stored?.rows).toBe(sockets.length * EACH);
  expect(stored?.transactions).toBeLessThan(sockets.length * EACH);
  const wrong = await cluster.database.sql`
    select c.id from app.conversations c join app.messages m on m.conversation_id = c.id
    group by c.id having max(m.seq) <> c.last_seq or max(m.no) <> c.last_no or max(m.no) <> count(*)`;
  expect(wrong).toHaveLength(0);
});
