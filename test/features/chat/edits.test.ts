import { afterAll, beforeAll, expect, test } from "bun:test";

import { createChatSource } from "../../../src/features/chat/service/events.ts";
import { type Answer, call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openNode } from "../../support/platform.ts";
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

/** A group of Lan, who owns it, and two plain members, with a message of Minh's. */
async function stage() {
  const [lan, minh, hoa] = await Promise.all([
    signUp(first.url),
    signUp(first.url),
    signUp(first.url),
  ]);
  const memberIds = [minh.id, hoa.id];
  const group = await converse(first.url, lan.token, { kind: "group", name: "VN30", memberIds });
  const at = (path: string, url = first.url) => `${url}/v1/conversations/${group}/${path}`;
  const said = async (by: Person, body: string) => {
    const sent = { clientId: crypto.randomUUID(), body };
    const answer = await call("POST", at("messages"), { token: by.token, body: sent });
    return Number(answer.body["seq"]);
  };
  const seq = await said(minh, "Buy VNM");
  const edit = (by: Person, [body, rev]: [string, number], url = first.url): Promise<Answer> =>
    call("PATCH", at(`messages/${seq}`, url), { token: by.token, body: { body, rev } });
  const list = async (by: Person) => {
    const { body } = await call("GET", at("messages"), { token: by.token });
    return body["items"] as { seq: number; body: string; [key: string]: unknown }[];
  };
  return { lan, minh, hoa, group, at, seq, said, edit, list };
}

test("an author changes a message: everybody on both instances is told what it says now, and what it said is kept", async () => {
  const { lan, minh, hoa, group, at, seq, edit, list } = await stage();
  const sockets = await Promise.all([
    openSocket(first.url, lan.token),
    openSocket(second.url, hoa.token),
  ]);
  const answer = await edit(minh, [`Sell $VNM <@${hoa.id}>`, 0], second.url);
  expect([answer.status, answer.body["rev"], answer.body["tickers"]]).toEqual([200, 1, ["VNM"]]);
  for (const socket of sockets) {
    const event = await socket.next(({ k }) => k === "msg.edit", "the change");
    expect(event.d).toMatchObject({
      messageSeq: seq,
      rev: 1,
      body: `Sell $VNM <@${hoa.id}>`,
      actorId: minh.id,
      mentions: [hoa.id],
      tickers: ["VNM"],
    });
  }
  expect((await list(hoa)).find((message) => message.seq === seq)).toMatchObject({
    rev: 1,
    mentions: [hoa.id],
  });
  await edit(minh, ["Hold", 1]);
  const { body } = await call("GET", at(`messages/${seq}/edits?limit=1`), { token: hoa.token });
  expect(body["items"]).toEqual([
    { rev: 1, body: `Sell $VNM <@${hoa.id}>`, replacedAt: expect.any(String) },
  ]);
  const { nextCursor } = body["page"] as { nextCursor: string };
  const rest = await call("GET", at(`messages/${seq}/edits?cursor=${nextCursor}`), {
    token: hoa.token,
  });
  expect(rest.body["items"]).toEqual([{ rev: 0, body: "Buy VNM", replacedAt: expect.any(String) }]);
  // What the events keep says nothing, so that it can be taken back.
  const kept = await cluster.database
    .sql`select data from app.conversation_events where conversation_id = ${group} and kind = 'msg.edit'`;
  expect(JSON.stringify(kept)).not.toContain("Sell");
});

test("of two changes of one revision one is refused, and the same change again changes nothing", async () => {
  const { minh, hoa, group, seq, edit } = await stage();
  const socket = await openSocket(second.url, hoa.token);
  const both = await Promise.all([edit(minh, ["One", 0]), edit(minh, ["Two", 0], second.url)]);
  expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 409]));
  const stands = both[0].status === 200 ? "One" : "Two";
  expect(both.find(({ status }) => status === 409)?.body["code"]).toBe("edit_conflict");
  expect((await edit(minh, [stands, 0])).body).toMatchObject({ body: stands, rev: 1 });
  expect((await edit(minh, [stands, 1])).body).toMatchObject({ body: stands, rev: 1 });
  await edit(minh, ["Three", 1]);
  await socket.next(({ k, d }) => k === "msg.edit" && d?.["rev"] === 2, "the third");
  const edits = eventsOf(socket, group).filter(({ k }) => k === "msg.edit");
  expect(edits.map(({ d }) => [d?.["messageSeq"], d?.body])).toEqual([
    [seq, stands],
    [seq, "Three"],
  ]);
});

test("nobody changes another's message, an old one, one that is gone, or anything once they are silenced or out", async () => {
  const { lan, minh, hoa, group, at, seq, said, edit } = await stage();
  for (const other of [lan, hoa])
    expect((await edit(other, ["Mine", 0])).body["code"]).toBe("forbidden");
  const stranger = await signUp(first.url);
  expect((await edit(stranger, ["Mine", 0])).body["code"]).toBe("not_found");
  await cluster.database
    .sql`update app.messages set created_at = now() - interval '25 hours' where conversation_id = ${group} and seq = ${seq}`;
  expect((await edit(minh, ["Late", 0])).body["code"]).toBe("edit_window_closed");
  const gone = await said(hoa, "Gone");
  await call("DELETE", at(`messages/${gone}`), { token: hoa.token });
  const late = { token: hoa.token, body: { body: "Back", rev: 0 } };
  expect((await call("PATCH", at(`messages/${gone}`), late)).body["code"]).toBe("message_gone");
  const last = await said(hoa, "Last");
  await call("PATCH", at(`members/${hoa.id}`), { token: lan.token, body: { role: "reader" } });
  expect((await call("PATCH", at(`messages/${last}`), late)).body["code"]).toBe("forbidden");
  await call("DELETE", at(`members/${hoa.id}`), { token: lan.token });
  expect((await call("PATCH", at(`messages/${last}`), late)).body["code"]).toBe("not_found");
});

test("a deleted message says nothing to anybody any more, neither in pages nor to who was away", async () => {
  const { lan, minh, hoa, group, at, seq, said, edit, list } = await stage();
  const SECRET = "ba con vịt";
  await edit(minh, [SECRET, 0]);
  await edit(minh, [`${SECRET}!`, 1]);
  const answer = await said(lan, "What?");
  const before = await openSocket(second.url, lan.token);
  await call("PUT", at(`messages/${seq}/reactions/${encodeURIComponent("👍")}`), {
    token: hoa.token,
  });
  await call("PUT", at(`pins/${seq}`), { token: lan.token });
  expect((await call("DELETE", at(`messages/${seq}`), { token: hoa.token })).status).toBe(403);
  expect((await call("DELETE", at(`messages/${seq}`), { token: minh.token })).status).toBe(204);
  expect((await call("DELETE", at(`messages/${seq}`), { token: minh.token })).status).toBe(204);
  const told = await before.next(({ k }) => k === "msg.del", "the deletion");
  expect(told.d).toMatchObject({ messageSeq: seq, actorId: minh.id });
  expect(eventsOf(before, group).filter(({ k }) => k === "msg.del")).toHaveLength(1);
  const items = await list(hoa);
  expect(items.map((message) => message.seq)).toContain(answer);
  expect(items.find((message) => message.seq === seq)).toMatchObject({
    body: "",
    deletedAt: expect.any(String),
  });
  const late = await openSocket(second.url, hoa.token);
  late.send({ t: "sync", i: 9, ch: `c:${group}`, from: 0 });
  const synced = await late.next(({ t, i }) => t === "sync.ok" && i === 9, "what was missed");
  expect(JSON.stringify(synced)).toContain("msg.edit");
  expect(JSON.stringify([synced, items])).not.toContain(SECRET);
  for (const path of [`messages/${seq}/edits`, `messages/${seq}/reactions`, "pins"])
    expect((await call("GET", at(path), { token: hoa.token })).body["items"]).toEqual([]);
  const left = await cluster.database
    .sql`select 1 from app.messages where conversation_id = ${group} and body like ${`%${SECRET}%`}
    union all select 1 from app.message_edits where conversation_id = ${group}`;
  expect(left).toHaveLength(0);
});

test("who keeps order takes out what others said, over the socket too", async () => {
  const { lan, hoa, group, said, list } = await stage();
  const spam = await said(hoa, "Spam");
  const socket = await openSocket(first.url, lan.token);
  socket.send({ t: "del", i: 3, ch: `c:${group}`, msg: spam });
  await socket.next(({ t, i }) => t === "ok" && i === 3, "ok");
  expect((await list(hoa)).find((message) => message.seq === spam)?.body).toBe("");
  const mine = await said(hoa, "Helo");
  const other = await openSocket(second.url, hoa.token);
  other.send({ t: "edit", i: 4, ch: `c:${group}`, msg: mine, body: "Hello", rev: 0 });
  await other.next(({ t, i }) => t === "ok" && i === 4, "ok");
  other.send({ t: "edit", i: 5, ch: `c:${group}`, msg: mine, body: "Hallo", rev: 0 });
  expect(await other.next(({ t, i }) => t === "err" && i === 5, "err")).toMatchObject({
    m: "edit_conflict",
  });
});

test("who came later and may not see a message is not told what it says now, neither at once nor by catching up", async () => {
  const { lan, minh, group, at, seq, said, edit } = await stage();
  const late = await signUp(first.url);
  await call("PUT", at(`members/${late.id}`), { token: lan.token });
  const sockets = await Promise.all([
    openSocket(second.url, late.token),
    openSocket(first.url, lan.token),
  ]);
  await edit(minh, [`A secret of $VNM <@${lan.id}>`, 0]);
  const end = await said(lan, "The end");
  for (const socket of sockets)
    await socket.next(({ t, seq: position }) => t === "ev" && position === end, "the end");
  const [live, open] = sockets.map((socket) =>
    eventsOf(socket, group).find(({ k }) => k === "msg.edit"),
  );
  expect(open?.d?.body).toContain("A secret");
  const told = { body: "", mentions: [], tickers: [], messageSeq: seq, rev: 1 };
  expect(live?.d).toMatchObject(told);
  for (const from of [0, end - 2]) {
    sockets[0]?.send({ t: "sync", i: from + 10, ch: `c:${group}`, from });
    const answer = await sockets[0]?.next(({ i }) => i === from + 10, "what was missed");
    const events = (answer?.["ev"] ?? []) as { k: string; d: object }[];
    expect(events.find(({ k }) => k === "msg.edit")?.d).toMatchObject(told);
  }
  await using node = await openNode(cluster);
  const range = { channel: `c:${group}`, after: 0, limit: 100 };
  const read = await createChatSource(node.platform).readRanges(late.id, [range]);
  expect(read[0]?.events).toHaveLength(3);
  expect(JSON.stringify(read)).not.toContain("A secret");
});
