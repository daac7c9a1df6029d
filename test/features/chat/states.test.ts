import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openSocket } from "../../support/socket.ts";

let cluster: Cluster;
let first: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  first = await cluster.start();
}, 120_000);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function ask(by: Person, what: string, body?: object) {
  const [method = "", path = ""] = what.split(" ");
  const url = `${first.url}/v1/conversations${path}`;
  return call(method, url, { token: by.token, ...(body === undefined ? {} : { body }) });
}

async function listed(by: Person, query = ""): Promise<string[]> {
  const { body } = await ask(by, `GET ${query}`);
  return (body["items"] as { id: string }[]).map(({ id }) => id);
}

async function pair(): Promise<{ lan: Person; minh: Person; group: string }> {
  const [lan, minh] = [await signUp(first.url, "Lan"), await signUp(first.url, "Minh")];
  const body = { kind: "group", name: "VN30", memberIds: [minh.id] };
  return { lan, minh, group: await converse(first.url, lan.token, body) };
}

async function say(by: Person, group: string): Promise<number> {
  const message = { clientId: crypto.randomUUID(), body: "Good morning" };
  return Number((await ask(by, `POST /${group}/messages`, message)).body["seq"]);
}

test("an archived conversation leaves the list of its member alone, and stays out when something is said", async () => {
  const { lan, minh, group } = await pair();
  const socket = await openSocket(first.url, minh.token);
  const answer = await ask(minh, `PATCH /${group}/me`, { archived: true });
  expect(answer.body).toEqual({ muted: null, archived: true, notify: "all" });
  await say(lan, group);
  expect(await listed(minh)).toEqual([]);
  expect(await listed(minh, "?archived=true")).toEqual([group]);
  expect(await listed(lan)).toEqual([group]);
  const told = await socket.next((frame) => frame.k === "setting", "the setting");
  expect([told.ch, told.d]).toEqual([
    "u",
    { conversationId: group, muted: null, archived: true, notify: "all" },
  ]);
  await ask(minh, `PATCH /${group}/me`, { archived: false });
  expect(await listed(minh)).toEqual([group]);
}, 30_000);

test("muting and notice change one by one, a time that is over is refused, and nobody else sees any of it", async () => {
  const { lan, minh, group } = await pair();
  const until = new Date(Date.now() + 3_600_000).toISOString();
  await ask(minh, `PATCH /${group}/me`, { muted: until });
  await ask(minh, `PATCH /${group}/me`, { notify: "mentions" });
  const own = (await ask(minh, `GET /${group}`)).body;
  expect([own["muted"], own["notify"], own["archived"]]).toEqual([until, "mentions", false]);
  expect((await ask(minh, `PATCH /${group}/me`, { muted: "forever" })).body["muted"]).toBe(
    "forever",
  );
  for (const muted of ["2020-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "tomorrow", 1])
    expect((await ask(minh, `PATCH /${group}/me`, { muted })).status).toBe(422);
  expect((await ask(minh, `PATCH /${group}/me`, { muted: null })).body["muted"]).toBe(null);
  const others = (await ask(lan, `GET /${group}`)).body;
  expect([others["muted"], others["notify"]]).toEqual([null, "all"]);
}, 30_000);

test("a list is of one kind where that is asked for, and a cursor of one list fits no other", async () => {
  const { lan, minh, group } = await pair();
  const direct = await converse(first.url, lan.token, { kind: "direct", userId: minh.id });
  const channel = await converse(first.url, lan.token, {
    kind: "channel",
    name: "HOSE",
    memberIds: [minh.id],
  });
  expect(await listed(minh)).toEqual([channel, direct, group]);
  expect(await listed(minh, "?kind=channel")).toEqual([channel]);
  expect(await listed(minh, "?kind=direct")).toEqual([direct]);
  const page = await ask(minh, "GET ?limit=1");
  const { nextCursor } = page.body["page"] as { nextCursor: string };
  expect(await listed(minh, `?limit=1&cursor=${nextCursor}`)).toEqual([direct]);
  expect((await ask(minh, `GET ?archived=true&cursor=${nextCursor}`)).status).toBe(400);
}, 30_000);

test("muted and archived conversations wait for nobody in the totals", async () => {
  const { lan, minh, group } = await pair();
  const direct = await converse(first.url, lan.token, { kind: "direct", userId: minh.id });
  await say(lan, group);
  await say(lan, direct);
  await say(lan, direct);
  const totals = async () => (await ask(minh, "GET /unread")).body;
  expect(await totals()).toEqual({ conversations: 2, unread: 3, mentions: 0, truncated: false });
  await ask(minh, `PATCH /${group}/me`, { muted: "forever" });
  expect(await totals()).toEqual({ conversations: 1, unread: 2, mentions: 0, truncated: false });
  await ask(minh, `PATCH /${direct}/me`, { archived: true });
  expect(await totals()).toEqual({ conversations: 0, unread: 0, mentions: 0, truncated: false });
  await ask(minh, `PATCH /${group}/me`, { muted: null });
  expect((await totals())["unread"]).toBe(1);
}, 30_000);
