import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openSocket } from "../../support/socket.ts";

let cluster: Cluster;
let instances: Instance[];
let people: Person[];

/** Two instances with the limits of production. */
beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  const strict = { LIMITS_SCALE: "1" };
  instances = await Promise.all([cluster.start(strict), cluster.start(strict)]);
  const url = instances[0]?.url ?? "";
  people = [await signUp(url, "Lan"), await signUp(url, "Minh")];
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const BATCH = 64;

function sends(id: string, count: number, first: number): object[] {
  return Array.from({ length: count }, (_, at) => ({
    t: "send",
    i: first + at,
    ch: `c:${id}`,
    cid: crypto.randomUUID(),
    body: "Good morning",
  }));
}

test("what a user sends counts over all sockets, instances and HTTP, and hello.ok has told how much it may be", async () => {
  const [lan, minh] = people as [Person, Person];
  const [here, there] = instances as [Instance, Instance];
  const id = await converse(here.url, lan.token, { kind: "direct", userId: minh.id });
  const one = await openSocket(here.url, lan.token);
  const two = await openSocket(there.url, lan.token);
  const limits = one.frames[0]?.["lim"] as { send: [number, number, number]; batch: number };
  const [count, perMs, burst] = limits.send;
  expect(limits.batch).toBe(BATCH);
  const startedAt = performance.now();
  const rounds = Math.ceil((burst * 2) / (2 * BATCH));
  for (let round = 0; round < rounds; round += 1)
    for (const socket of [one, two]) socket.send(sends(id, BATCH, 100 + round * BATCH));
  const last = 100 + rounds * BATCH - 1;
  await Promise.all([one, two].map((socket) => socket.next(({ i }) => i === last)));
  const frames = [...one.frames, ...two.frames];
  const taken = frames.filter(({ t }) => t === "ack").length;
  const passed = performance.now() - startedAt;
  expect(taken).toBeGreaterThanOrEqual(burst);
  expect(taken).toBeLessThanOrEqual(burst + (count * passed) / perMs + 1);
  const refused = frames.filter(({ t }) => t === "err");
  expect(refused).toHaveLength(rounds * 2 * BATCH - taken);
  for (const frame of refused)
    expect(frame).toMatchObject({ c: 4290, m: "rate_limited", retry: true });
  for (const { after } of refused) expect(after).toBeLessThanOrEqual(perMs / count);

  const path = `/v1/conversations/${id}/messages`;
  const post = (url: string, token: string) =>
    call("POST", `${url}${path}`, {
      token,
      body: { clientId: crypto.randomUUID(), body: "Good evening" },
    });
  const answers = await Promise.all(
    [here, there].flatMap(({ url }) => [post(url, lan.token), post(url, lan.token)]),
  );
  const late = answers.filter(({ status }) => status === 429);
  expect(late.length).toBeGreaterThan(0);
  expect(late.map(({ headers }) => headers.get("retry-after"))).toEqual(late.map(() => "1"));
  // Of another user nothing was taken.
  expect((await post(here.url, minh.token)).status).toBe(201);
  const { sql } = cluster.database;
  const [row] = await sql<
    { n: number }[]
  >`select count(*)::int as n from app.messages where sender_id = ${lan.id}`;
  expect(row?.n).toBe(taken + answers.filter(({ status }) => status === 201).length);
  for (const socket of [one, two]) {
    socket.send({ t: "hb", i: 9_000 });
    expect((await socket.next(({ i }) => i === 9_000)).t).toBe("hb.ok");
  }
}, 60_000);

test("a batch of 64 frames gets its 64 replies in one text, and a message sent so is told to others once", async () => {
  const [lan, minh] = people as [Person, Person];
  const [here, there] = instances as [Instance, Instance];
  const id = await converse(here.url, minh.token, {
    kind: "group",
    name: "B",
    memberIds: [lan.id],
  });
  const [sender, reader] = [
    await openSocket(here.url, minh.token),
    await openSocket(there.url, lan.token),
  ];
  sender.send(sends(id, BATCH, 10));
  await sender.next(({ i }) => i === BATCH + 9);
  const acks = sender.frames.filter(({ t }) => t === "ack");
  expect(acks.map(({ i }) => i)).toEqual(Array.from({ length: BATCH }, (_, at) => at + 10));
  expect(sender.batches()).toBe(1);
  const top = acks.at(-1)?.seq;
  await reader.next(({ t, ch, seq }) => t === "ev" && ch === `c:${id}` && seq === top);
  const told = reader.frames.filter(({ k, ch }) => k === "msg.new" && ch === `c:${id}`);
  expect(told.map(({ seq }) => seq)).toEqual(acks.map(({ seq }) => seq));
}, 30_000);
