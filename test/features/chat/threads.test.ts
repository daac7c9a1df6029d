import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openSocket } from "../../support/socket.ts";

let cluster: Cluster;
let instance: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  instance = await cluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

/** A group of Lan, who owns it, and two plain members. */
async function stage() {
  const [lan, minh, hoa] = await Promise.all([
    signUp(instance.url),
    signUp(instance.url),
    signUp(instance.url),
  ]);
  const memberIds = [minh.id, hoa.id];
  const body = { kind: "group", name: "VN30", memberIds };
  const group = await converse(instance.url, lan.token, body);
  const at = (path: string) => `${instance.url}/v1/conversations/${group}/${path}`;
  const send = (by: Person, body: string, more: object = {}) =>
    call("POST", at("messages"), {
      token: by.token,
      body: { clientId: crypto.randomUUID(), body, ...more },
    });
  const say = async (by: Person, body: string, more: object = {}) =>
    Number((await send(by, body, more)).body["seq"]);
  const get = async (by: Person, path: string) => {
    const { body } = await call("GET", at(path), { token: by.token });
    return body["items"] as { seq: number; [key: string]: unknown }[];
  };
  return { lan, minh, hoa, group, at, send, say, get };
}

test("who is named in a thread follows it, and is told so in the conversation until they have read it", async () => {
  const { lan, minh, hoa, at, say, get } = await stage();
  const root = await say(lan, "What of VNM?");
  await call("PUT", at("read"), { token: hoa.token, body: { seq: root } });
  const named = await say(minh, `Ask <@${hoa.id}>`, { threadSeq: root });
  const own = async (by: Person) => {
    const { unread, mentions } = (await call("GET", at(""), { token: by.token })).body;
    return { unread, mentions };
  };
  expect([await own(hoa), (await own(lan)).mentions]).toEqual([{ unread: 0, mentions: 1 }, 0]);
  const totals = await call("GET", at("../unread"), { token: hoa.token });
  expect(totals.body).toMatchObject({ conversations: 1, unread: 0, mentions: 1 });
  await call("PUT", at("read"), { token: hoa.token, body: { seq: named } });
  expect(await own(hoa)).toEqual({ unread: 0, mentions: 0 });
  const thread = (body: object) => call("PATCH", at(`threads/${root}`), { token: hoa.token, body });
  await say(minh, `Once more <@${hoa.id}>`, { threadSeq: root });
  expect(await get(hoa, "threads")).toMatchObject([{ readSeq: 0, replies: 2, unread: 2 }]);
  expect((await thread({ readSeq: named })).body).toEqual({ readSeq: named, following: true });
  expect(await get(hoa, "threads")).toMatchObject([{ readSeq: named, unread: 1 }]);
  await thread({ following: false });
  await say(minh, `And again <@${hoa.id}>`, { threadSeq: root });
  expect(await get(hoa, "threads")).toEqual([]);
});

test("answers in a thread are unread in the thread alone, for those who follow it", async () => {
  const { lan, minh, hoa, group, at, say, get } = await stage();
  const root = await say(minh, "What of VNM?");
  await call("PUT", at("read"), { token: hoa.token, body: { seq: root } });
  const first = await say(lan, "Buy", { threadSeq: root });
  const second = await say(lan, "Or sell", { threadSeq: root, replySeq: first });
  const page = await get(hoa, "messages");
  expect(page.find(({ seq }) => seq === root)?.["thread"]).toEqual({ replies: 2, lastSeq: second });
  expect(page.find(({ seq }) => seq === second)).toMatchObject({
    threadSeq: root,
    replySeq: first,
  });
  const details = await call("GET", at(""), { token: hoa.token });
  expect(details.body["unread"]).toBe(0);
  expect((await get(hoa, `threads/${root}/messages`)).map(({ seq }) => seq)).toEqual([
    second,
    first,
  ]);
  // Who answered follows, and who had begun it; nobody else does until they say so.
  expect(await get(minh, "threads")).toMatchObject([{ replies: 2, lastSeq: second, unread: 2 }]);
  expect(await get(lan, "threads")).toMatchObject([{ replies: 2, unread: 0 }]);
  expect(await get(hoa, "threads")).toEqual([]);
  const patch = (by: Person, body: object) =>
    call("PATCH", at(`threads/${root}`), { token: by.token, body });
  expect((await patch(minh, { readSeq: first })).body).toEqual({ readSeq: first, following: true });
  expect(await get(minh, "threads")).toMatchObject([{ unread: 1 }]);
  expect((await patch(minh, { readSeq: 1, following: false })).body).toEqual({
    readSeq: first,
    following: false,
  });
  await say(lan, "Or hold", { threadSeq: root });
  expect(await get(minh, "threads")).toEqual([]);
  const [numbers] = await cluster.database.sql`
    select last_no::int as last, count(*) filter (where m.thread_seq is null)::int as counted
    from app.conversations c join app.messages m on m.conversation_id = c.id where c.id = ${group} group by 1`;
  expect(numbers?.["last"]).toBe(numbers?.["counted"]);
});

test("a message leads only to messages of the same conversation, and a thread has no threads", async () => {
  const { lan, minh, say, send, at, group } = await stage();
  const root = await say(minh, "Root");
  const answer = await say(lan, "Answer", { threadSeq: root });
  for (const more of [
    { replySeq: 999 },
    { threadSeq: 999 },
    { threadSeq: answer },
    { replySeq: 1 },
  ]) {
    const refused = await send(lan, "x", more);
    expect([more, refused.status, refused.body["code"]]).toEqual([more, 422, "validation_failed"]);
  }
  const clientId = crypto.randomUUID();
  const twice = { token: lan.token, body: { clientId, body: "Once", threadSeq: root } };
  const made = await call("POST", at("messages"), twice);
  const again = await call("POST", at("messages"), twice);
  expect([made.status, again.status, again.body]).toEqual([201, 200, made.body]);
  const socket = await openSocket(instance.url, minh.token);
  socket.send({
    t: "send",
    i: 3,
    ch: `c:${group}`,
    cid: crypto.randomUUID(),
    body: "Mine",
    th: root,
    att: [root].map(() => crypto.randomUUID()),
  });
  const event = await socket.next(
    ({ k, d }) => k === "msg.new" && d?.body === "Mine",
    "the answer",
  );
  expect(event.d).toMatchObject({ threadSeq: root, attachments: [{ id: expect.any(String) }] });
});

test("members are named by their ids, everybody by who may and not too often, and securities by their signs", async () => {
  const { lan, minh, hoa, say, get, at } = await stage();
  const stranger = await signUp(instance.url);
  await say(
    lan,
    `<@${minh.id}> <@${minh.id.toUpperCase()}> <@${stranger.id}> buy $vnm, $FPT. Not $100, nor US$A`,
  );
  const [named] = await get(minh, "messages");
  expect(named).toMatchObject({ mentions: [minh.id], tickers: ["VNM", "FPT"] });
  const mentions = async (by: Person) =>
    (await call("GET", at(""), { token: by.token })).body["mentions"];
  expect([await mentions(minh), await mentions(hoa)]).toEqual([1, 0]);
  await say(hoa, "<@all> hello");
  expect((await get(minh, "messages"))[0]).not.toHaveProperty("mentionsAll");
  await say(lan, "<@all> hello");
  expect((await get(minh, "messages"))[0]).toHaveProperty("mentionsAll", true);
  await say(lan, "<@all> again");
  expect((await get(minh, "messages"))[0]).not.toHaveProperty("mentionsAll");
  expect([await mentions(minh), await mentions(hoa)]).toEqual([2, 1]);
});

test("the history is read before, after and around a position, and never from before one's time", async () => {
  const { lan, minh, say, at } = await stage();
  const seqs: number[] = [];
  for (let n = 0; n < 9; n += 1) seqs.push(await say(lan, `n${n}`));
  const [middle = 0] = seqs.slice(4);
  const read = async (query: string, by = minh) => {
    const { body } = await call("GET", at(`messages?limit=4&${query}`), { token: by.token });
    return (body["items"] as { body: string }[]).map((message) => message.body);
  };
  expect(await read(`before=${middle}`)).toEqual(["n3", "n2", "n1", "n0"]);
  expect(await read(`after=${middle}`)).toEqual(["n8", "n7", "n6", "n5"]);
  expect(await read(`around=${middle}`)).toEqual(["n5", "n4", "n3", "n2"]);
  const late = await signUp(instance.url);
  await call("PUT", at(`members/${late.id}`), { token: lan.token });
  await say(lan, "n9");
  for (const query of ["after=1", `around=${middle}`, `before=${middle}`])
    expect(await read(query, late)).toEqual(
      query === "after=1" || query.startsWith("around") ? ["n9"] : [],
    );
});
