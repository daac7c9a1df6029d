import { afterAll, beforeAll, expect, test } from "bun:test";

import fc from "fast-check";

import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { eventsOf, openSocket } from "../../support/socket.ts";

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

const EMOJI = ["👍", "👍🏽", "🇻🇳", "👨‍👩‍👧‍👦", "❤️"];

/** A group of Lan, who owns it, and two plain members, with a message. */
async function stage() {
  const people = await Promise.all([signUp(first.url), signUp(first.url), signUp(first.url)]);
  const [lan, ...others] = people;
  const memberIds = others.map(({ id }) => id);
  const group = await converse(first.url, lan.token, { kind: "group", name: "VN30", memberIds });
  const at = (path: string, url = first.url) => `${url}/v1/conversations/${group}/${path}`;
  const body = { clientId: crypto.randomUUID(), body: "Good morning" };
  const seq = Number((await call("POST", at("messages"), { token: lan.token, body })).body["seq"]);
  const react = (by: Person, emoji: string, { on = true, url = first.url } = {}) => {
    const path = at(`messages/${seq}/reactions/${encodeURIComponent(emoji)}`, url);
    return call(on ? "PUT" : "DELETE", path, { token: by.token });
  };
  return { people, lan, group, at, seq, react };
}

test("reactions are counted once for each, told with what they are then, and stand in the pages", async () => {
  const { people, lan, group, at, seq, react } = await stage();
  const [, minh, hoa] = people;
  const socket = await openSocket(second.url, lan.token);
  expect((await react(minh, "👍")).body).toEqual({ count: 1 });
  expect((await react(minh, "👍", { url: second.url })).body).toEqual({ count: 1 });
  expect((await react(hoa, "👍", { url: second.url })).body).toEqual({ count: 2 });
  expect((await react(hoa, "🇻🇳")).body).toEqual({ count: 1 });
  expect((await react(minh, "👍", { on: false })).body).toEqual({ count: 1 });
  expect((await react(minh, "👍", { on: false })).body).toEqual({ count: 1 });
  await socket.next(({ k, d }) => k === "react" && d?.["on"] === false, "the last reaction");
  const told = eventsOf(socket, group).filter(({ k }) => k === "react");
  expect(told.map(({ d }) => [d?.["userId"], d?.["emoji"], d?.["on"], d?.["count"]])).toEqual([
    [minh.id, "👍", true, 1],
    [hoa.id, "👍", true, 2],
    [hoa.id, "🇻🇳", true, 1],
    [minh.id, "👍", false, 1],
  ]);
  const page = await call("GET", at("messages"), { token: hoa.token });
  const items = page.body["items"] as { seq: number; reactions?: unknown }[];
  expect(items.find((message) => message.seq === seq)?.reactions).toEqual([
    { emoji: "👍", count: 1, mine: true },
    { emoji: "🇻🇳", count: 1, mine: true },
  ]);
  const who = await call("GET", at(`messages/${seq}/reactions?limit=1`), { token: minh.token });
  const { nextCursor } = who.body["page"] as { nextCursor: string };
  const rest = await call("GET", at(`messages/${seq}/reactions?cursor=${nextCursor}`), {
    token: minh.token,
  });
  const all = [...(who.body["items"] as object[]), ...(rest.body["items"] as object[])];
  expect(all).toHaveLength(2);
  expect(all).toContainEqual({ emoji: "👍", userId: hoa.id, createdAt: expect.any(String) });
});

test("whatever is toggled at once on both instances, the last count that is told is the number of those who react", async () => {
  const toggles = fc.array(
    fc.record({
      who: fc.nat(2),
      emoji: fc.constantFrom(...EMOJI.slice(0, 2)),
      on: fc.boolean(),
      at: fc.boolean(),
    }),
    { minLength: 8, maxLength: 16 },
  );
  await fc.assert(
    fc.asyncProperty(toggles, async (list) => {
      const { people, lan, group, seq, react } = await stage();
      const socket = await openSocket(first.url, lan.token);
      await Promise.all(
        list.map(({ who, emoji, on, at }) =>
          react(people[who] ?? lan, emoji, { on, url: at ? first.url : second.url }),
        ),
      );
      const rows = await cluster.database.sql<{ emoji: string; n: number }[]>`
        select emoji, count(*)::int as n from app.message_reactions
        where conversation_id = ${group} and message_seq = ${seq} group by emoji`;
      const [{ top } = { top: 0 }] = await cluster.database.sql<{ top: number }[]>`
        select last_seq::int as top from app.conversations where id = ${group}`;
      if (top > seq)
        await socket.next((frame) => frame.t === "ev" && frame.seq === top, "the last event");
      const last = new Map<unknown, unknown>();
      for (const { k, d } of eventsOf(socket, group))
        if (k === "react") last.set(d?.["emoji"], d?.["count"]);
      const counted = [...last].filter(([, count]) => count !== 0);
      expect(new Map(counted)).toEqual(new Map(rows.map(({ emoji, n }) => [emoji, n])));
      socket.close();
    }),
    { numRuns: 6, seed: 20_261_123, endOnFailure: true },
  );
});

test("only an emoji is a reaction, there are at most twenty kinds, and who may only read does not react", async () => {
  const { people, lan, at, react } = await stage();
  const [, minh] = people;
  for (const emoji of EMOJI) expect((await react(lan, emoji)).status).toBe(200);
  for (const text of ["x", "👍👍", "1", "<b>", "👍x"])
    expect((await react(lan, text)).status).toBe(422);
  const animals = "🐶 🐱 🐭 🐹 🐰 🦊 🐻 🐼 🐨 🐯 🦁 🐮 🐷 🐸 🐵".split(" ");
  for (const emoji of animals) expect((await react(minh, emoji)).status).toBe(200);
  expect((await react(minh, "🐔")).body["code"]).toBe("too_many_reactions");
  expect((await react(lan, "🐶")).status).toBe(200);
  await call("PATCH", at(`members/${minh.id}`), { token: lan.token, body: { role: "reader" } });
  expect((await react(minh, "👍")).body["code"]).toBe("forbidden");
  // What one has given one may always take back.
  expect((await react(minh, "🐶", { on: false })).status).toBe(200);
  expect((await react(await signUp(first.url), "👍")).body["code"]).toBe("not_found");
});

test("who has the permission pins and unpins, everybody sees it, and a hundred are enough", async () => {
  const { people, lan, group, at, seq } = await stage();
  const [, minh] = people;
  const socket = await openSocket(second.url, minh.token);
  socket.send({ t: "pin", i: 1, ch: `c:${group}`, msg: seq, on: true });
  expect(await socket.next(({ t, i }) => t === "err" && i === 1, "err")).toMatchObject({
    m: "forbidden",
  });
  for (let turn = 0; turn < 2; turn += 1)
    expect((await call("PUT", at(`pins/${seq}`), { token: lan.token })).status).toBe(204);
  expect((await socket.next(({ k }) => k === "pin", "the pin")).d).toMatchObject({
    messageSeq: seq,
    on: true,
  });
  const pins = (await call("GET", at("pins"), { token: minh.token })).body["items"];
  expect(pins).toEqual([
    { message: expect.objectContaining({ seq }), pinnedBy: lan.id, pinnedAt: expect.any(String) },
  ]);
  expect((await call("DELETE", at(`pins/${seq}`), { token: lan.token })).status).toBe(204);
  await socket.next(({ k, d }) => k === "pin" && d?.["on"] === false, "the end of it");
  expect(eventsOf(socket, group).filter(({ k }) => k === "pin")).toHaveLength(2);
  await cluster.database.sql`with many as (
      insert into app.messages (id, conversation_id, no, seq, sender_id, client_id, body, created_at)
      select gen_random_uuid(), ${group}, n, 1000 + n, ${lan.id}, gen_random_uuid(), 'x', now() from generate_series(1, 100) n
      returning conversation_id, seq)
    insert into app.pinned_messages select conversation_id, seq, ${lan.id}, now() from many`;
  expect((await call("PUT", at(`pins/${seq}`), { token: lan.token })).body["code"]).toBe(
    "too_many_pins",
  );
});
