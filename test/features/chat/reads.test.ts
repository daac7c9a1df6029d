import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openSocket } from "../../support/socket.ts";

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
}, 120_000);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function ask(by: Person, what: string, body?: object) {
  const [method = "", path = ""] = what.split(" ");
  const url = `${first.url}/v1/conversations/${path}`;
  return call(method, url, { token: by.token, ...(body === undefined ? {} : { body }) });
}

async function stage(kind = "group"): Promise<{ lan: Person; minh: Person; group: string }> {
  const [lan, minh] = [await signUp(first.url, "Lan"), await signUp(first.url, "Minh")];
  const body =
    kind === "direct" ? { kind, userId: minh.id } : { kind, name: "VN30", memberIds: [minh.id] };
  return { lan, minh, group: await converse(first.url, lan.token, body) };
}

async function say(by: Person, group: string): Promise<number> {
  const message = { clientId: crypto.randomUUID(), body: "Good morning" };
  return Number((await ask(by, `POST ${group}/messages`, message)).body["seq"]);
}

const read = (by: Person, group: string, body: { seq: number; private?: boolean }) =>
  ask(by, `PUT ${group}/read`, body);

async function pointerOf(by: Person, group: string, member: Person): Promise<number | undefined> {
  const { body } = await ask(by, `GET ${group}/reads`);
  const items = body["items"] as { userId: string; seq: number }[];
  return items.find(({ userId }) => userId === member.id)?.seq;
}

test("a pointer only goes forward, and not beyond the last event", async () => {
  const { lan, minh, group } = await stage();
  for (let count = 0; count < 3; count += 1) await say(lan, group);
  expect((await read(minh, group, { seq: 3 })).body).toEqual({
    seq: 3,
    publicSeq: 3,
    unread: 1,
    mentions: 0,
  });
  expect((await read(minh, group, { seq: 2 })).body["seq"]).toBe(3);
  expect((await read(minh, group, { seq: 1_000 })).body).toEqual({
    seq: 4,
    publicSeq: 4,
    unread: 0,
    mentions: 0,
  });
  // What was not there when it was read is unread when it comes.
  await say(lan, group);
  expect((await ask(minh, `GET ${group}`)).body["unread"]).toBe(1);
}, 30_000);

test("what is read in private is read on one's own devices and unknown to everybody else", async () => {
  const { lan, minh, group } = await stage("direct");
  const seq = await say(lan, group);
  const phone = await openSocket(second.url, minh.token);
  const hers = await openSocket(second.url, lan.token);
  expect((await read(minh, group, { seq, private: true })).body).toEqual({
    seq,
    publicSeq: 0,
    unread: 0,
    mentions: 0,
  });
  const told = await phone.next((frame) => frame.k === "read.self", "the read");
  expect([told.ch, told.d]).toEqual(["u", { conversationId: group, seq }]);
  expect(await pointerOf(lan, group, minh)).toBe(0);
  expect((await ask(lan, `GET ${group}/messages/${seq}/readers`)).body).toEqual({
    items: [],
    page: { nextCursor: null, limit: 20 },
    count: 0,
  });
  // Then openly, at the same place.
  expect((await read(minh, group, { seq })).body["publicSeq"]).toBe(seq);
  expect(await pointerOf(lan, group, minh)).toBe(seq);
  expect((await ask(lan, `GET ${group}/messages/${seq}/readers`)).body).toMatchObject({
    items: [minh.id],
    count: 1,
  });
  expect(hers.frames.filter(({ k }) => k === "read.self")).toEqual([]);
}, 30_000);

test("a message that is called unread is, with all behind it, and what the others know stays", async () => {
  const { lan, minh, group } = await stage();
  const said = [await say(lan, group), await say(lan, group), await say(lan, group)];
  await read(minh, group, { seq: said[2] ?? 0 });
  const back = await ask(minh, `POST ${group}/unread`, { seq: said[1] });
  expect(back.body).toEqual({
    seq: (said[1] ?? 0) - 1,
    publicSeq: said[2],
    unread: 2,
    mentions: 0,
  });
  expect(await pointerOf(lan, group, minh)).toBe(said[2]);
  // A message that is unread already stays so, and nothing that was unread becomes read by it.
  expect((await ask(minh, `POST ${group}/unread`, { seq: 99 })).body["unread"]).toBe(2);
}, 30_000);

test("channels and strangers learn nothing of who has read, and groups of many only how many", async () => {
  const { lan, minh, group } = await stage("channel");
  const seq = await say(lan, group);
  expect((await ask(minh, `GET ${group}/reads`)).body["code"]).toBe("no_receipts");
  const readers = await ask(lan, `GET ${group}/messages/${seq}/readers`);
  expect(readers.body["code"]).toBe("no_receipts");
  const many = await stage();
  await crowd(many.group);
  const said = await say(many.lan, many.group);
  expect((await ask(many.lan, `GET ${many.group}/reads`)).body["code"]).toBe("no_receipts");
  await read(many.minh, many.group, { seq: said });
  expect((await ask(many.lan, `GET ${many.group}/messages/${said}/readers`)).body).toMatchObject({
    items: [],
    count: 1,
  });
  const late = await signUp(first.url, "Late");
  await ask(many.lan, `PUT ${many.group}/members/${late.id}`);
  await read(late, many.group, { seq: await say(many.lan, many.group) });
  const before = await ask(many.lan, `GET ${many.group}/messages/${said}/readers`);
  expect(before.body["count"]).toBe(1);
  const stranger = await signUp(first.url);
  for (const path of [`${many.group}/reads`, `${many.group}/messages/${said}/readers`])
    expect((await ask(stranger, `GET ${path}`)).status).toBe(404);
  expect((await read(stranger, many.group, { seq: 1 })).status).toBe(404);
}, 30_000);

test("who has read is told page by page, and nobody who came too late to see a message has read it", async () => {
  const { lan, minh, group } = await stage();
  const seq = await say(lan, group);
  const others = [await signUp(first.url, "Hoa"), await signUp(first.url, "Quan")];
  for (const { id } of others) await ask(lan, `PUT ${group}/members/${id}`);
  const last = await say(lan, group);
  for (const reader of [minh, ...others]) await read(reader, group, { seq: last });
  expect((await ask(lan, `GET ${group}/messages/${seq}/readers`)).body).toMatchObject({
    items: [minh.id],
    count: 1,
  });
  for (const [path, ids] of [
    [`${group}/messages/${last}/readers`, [minh, ...others].map(({ id }) => id)],
    [`${group}/reads`, [lan, minh, ...others].map(({ id }) => id)],
  ] as const) {
    const found: string[] = [];
    for (let cursor = ""; ;) {
      const { body } = await ask(lan, `GET ${path}?limit=2${cursor}`);
      const { nextCursor } = body["page"] as { nextCursor: string | null };
      const items = body["items"] as (string | { userId: string })[];
      found.push(...items.map((item) => (typeof item === "string" ? item : item.userId)));
      if (nextCursor === null) break;
      expect(items).toHaveLength(2);
      cursor = `&cursor=${nextCursor}`;
    }
    expect(found).toEqual(ids.toSorted());
    expect((await ask(lan, `GET ${path}?cursor=made.up`)).body["code"]).toBe("invalid_cursor");
  }
}, 30_000);

test("of two of whom one has blocked the other, neither is told how far the other has read", async () => {
  const { lan, minh, group } = await stage("direct");
  const seq = await say(lan, group);
  const hers = await openSocket(first.url, lan.token, { focus: { [`c:${group}`]: 0 } });
  const block = `${first.url}/v1/me/blocks/${lan.id}`;
  expect((await call("PUT", block, { token: minh.token })).status).toBe(204);
  expect((await read(minh, group, { seq })).body).toMatchObject({ seq, publicSeq: 0, unread: 0 });
  expect(await pointerOf(lan, group, minh)).toBe(0);
  await call("DELETE", block, { token: minh.token });
  await read(minh, group, { seq });
  await hers.next(({ t, k }) => t === "eph" && k === "read", "the read");
  expect(hers.frames.filter(({ t, k }) => t === "eph" && k === "read")).toHaveLength(1);
}, 30_000);

test("many devices that read at once leave the furthest position and one pointer", async () => {
  const { lan, minh, group } = await stage();
  for (let count = 0; count < 20; count += 1) await say(lan, group);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      call("PUT", `${n % 2 ? first.url : second.url}/v1/conversations/${group}/read`, {
        token: minh.token,
        body: { seq: n + 2 },
      }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  const own = (await ask(minh, `GET ${group}`)).body;
  expect([own["readSeq"], own["unread"]]).toEqual([21, 0]);
}, 30_000);

/** Brings in so many that nobody is told any more who has read. */
async function crowd(conversationId: string): Promise<void> {
  await cluster.database.sql`with people as (
      insert into app.users (id, display_name, created_at)
      select gen_random_uuid(), 'One of many', now() from generate_series(1, 99) returning id)
    insert into app.conversation_members (conversation_id, user_id, role, joined_seq)
    select ${conversationId}, id, 'member', 1 from people`;
  await cluster.database
    .sql`update app.conversations set member_count = 101 where id = ${conversationId}`;
}

test("those who look at a small conversation see at once how far somebody has read openly, and no more", async () => {
  const { lan, minh, group } = await stage();
  const seqs = [await say(lan, group), await say(lan, group)];
  const [hers, his] = [
    await openSocket(second.url, lan.token),
    await openSocket(first.url, minh.token),
  ];
  const ch = `c:${group}`;
  hers.send({ t: "focus", i: 2, ch: [ch] });
  await hers.next((frame) => frame.t === "ok" && frame.i === 2, "the focus");
  his.send({ t: "read", i: 3, ch, seq: 1_000, priv: true });
  await his.next((frame) => frame.t === "ok" && frame.i === 3, "the read in private");
  his.send({ t: "read", i: 4, ch, seq: seqs[0] ?? 0 });
  const told = await hers.next((frame) => frame.t === "eph", "the read");
  expect(told).toEqual({ t: "eph", ch, k: "read", u: minh.id, seq: seqs[0] ?? 0 });
  expect((await ask(minh, `GET ${group}`)).body["unread"]).toBe(0);
  his.send({ t: "read", i: 5, ch: `c:${crypto.randomUUID()}`, seq: 1 });
  expect((await his.next((frame) => frame.t === "err" && frame.i === 5))["m"]).toBe("not_found");
  expect(his.frames.filter(({ t }) => t === "eph")).toEqual([]);
}, 30_000);
