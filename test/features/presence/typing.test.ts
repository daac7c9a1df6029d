import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { type Frame, openSocket, type TestSocket } from "../../support/socket.ts";

/** Instances start slowly on a busy machine. */
const START_MS = 90_000;

let cluster: Cluster;
let first: Instance;
let second: Instance;
let people: Person[];

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
  people = await Promise.all(Array.from({ length: 3 }, () => signUp(first.url)));
}, START_MS);
afterAll(() => cluster[Symbol.asyncDispose]());

/** A group of the first person with the others, on the screens of all but the first. */
async function openGroup(): Promise<{ ch: string; writer: TestSocket; readers: TestSocket[] }> {
  const [owner, ...others] = people as [Person, ...Person[]];
  const body = { kind: "group", name: "VN30", memberIds: others.map(({ id }) => id) };
  const ch = `c:${await converse(first.url, owner.token, body)}`;
  const writer = await openSocket(first.url, owner.token);
  const readers = await Promise.all(others.map(({ token }) => openSocket(second.url, token)));
  for (const reader of readers) await ask(reader, { t: "focus", ch: [ch] });
  return { ch, writer, readers };
}
async function ask(socket: TestSocket, frame: object): Promise<Frame> {
  const i = 100 + socket.frames.length;
  socket.send({ ...frame, i });
  return await socket.next((answer) => answer.i === i, "the answer");
}
function typing({ frames }: TestSocket): unknown[] {
  return frames.filter(({ t, k }) => t === "eph" && k === "typ").map(({ on }) => on);
}
/** Waits until whatever was told before would have come. */
async function settle(ch: string, sockets: TestSocket[]): Promise<void> {
  const [owner] = people as [Person];
  const path = `${first.url}/v1/conversations/${ch.slice(2)}/messages`;
  const body = { clientId: crypto.randomUUID(), body: "a fence" };
  const { body: sent } = await call("POST", path, { token: owner.token, body });
  for (const socket of sockets)
    await socket.next(({ t, d }) => t === "ev" && d?.id === sent["id"], "the fence");
}

test("typing reaches those who look, on another instance, once in a while, and is kept nowhere", async () => {
  const { ch, writer, readers } = await openGroup();
  const [looking, away] = readers as [TestSocket, TestSocket];
  await ask(away, { t: "focus", ch: [] });
  for (let count = 0; count < 5; count += 1)
    expect((await ask(writer, { t: "typ", ch, on: true })).t).toBe("ok");
  await looking.next(({ k }) => k === "typ", "the first sign");
  for (let count = 0; count < 3; count += 1) await ask(writer, { t: "typ", ch, on: false });
  await looking.next(({ k, on }) => k === "typ" && on === false, "the end");
  await settle(ch, readers);
  expect([typing(looking), typing(away)]).toEqual([[true, false], []]);
  const sign = looking.frames.find(({ k }) => k === "typ");
  expect(sign as object).toEqual({ t: "eph", ch, k: "typ", u: people[0]?.id, on: true });
  const synced = await ask(away, { t: "sync", ch, from: 0 });
  expect(JSON.stringify(synced)).not.toContain("typ");
  for (const socket of [writer, ...readers]) socket.close();
});

test("who may not send there, and who is not there, shows nothing", async () => {
  const { ch, writer, readers } = await openGroup();
  const [reader, leaver] = readers as [TestSocket, TestSocket];
  const { sql } = cluster.database;
  await sql`update app.conversation_members set permissions = 2
    where conversation_id = ${ch.slice(2)} and user_id = ${people[1]?.id ?? ""}`;
  const outsider = await openSocket(second.url, (await signUp(first.url)).token);
  await ask(writer, { t: "focus", ch: [ch] });
  for (const socket of [reader, outsider])
    expect((await ask(socket, { t: "typ", ch, on: true })).t).toBe("ok");
  const members = `${first.url}/v1/conversations/${ch.slice(2)}/members`;
  const removed = await call("DELETE", `${members}/${people[2]?.id}`, people[0]);
  expect(removed.status).toBe(204);
  await reader.next(({ k }) => k === "member", "the removal");
  await ask(leaver, { t: "typ", ch, on: true });
  await settle(ch, [writer, reader]);
  await ask(writer, { t: "typ", ch, on: true });
  await reader.next(({ k }) => k === "typ", "the sign of a member");
  const { id } = people[0] as Person;
  const others = writer.frames.filter(({ k, u }) => k === "typ" && u !== id);
  // Neither what others may not show, nor anything to who was taken out while they looked at it.
  expect([others, typing(leaver)]).toEqual([[], []]);
  for (const socket of [writer, reader, leaver, outsider]) socket.close();
});

test("in a conversation of more than 256 members nobody is seen typing", async () => {
  const { ch, writer, readers } = await openGroup();
  const [reader] = readers as [TestSocket];
  const { sql } = cluster.database;
  await sql`with extra as (
      insert into app.users (id, display_name, created_at)
      select gen_random_uuid(), 'Extra', now() from generate_series(1, 254) returning id
    ) insert into app.conversation_members (conversation_id, user_id, joined_seq)
      select ${ch.slice(2)}::uuid, id, 1 from extra`;
  await ask(writer, { t: "typ", ch, on: true });
  await settle(ch, [reader]);
  expect(typing(reader)).toEqual([]);
  for (const socket of [writer, ...readers]) socket.close();
});
