import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { eventsOf, openSocket } from "../../support/socket.ts";

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

function settings(group: string, by: Person, body: object) {
  return call("PATCH", `${first.url}/v1/conversations/${group}`, { token: by.token, body });
}

function say(by: Person, group: string, options: { url?: string; clientId?: string } = {}) {
  const { url = first.url, clientId = crypto.randomUUID() } = options;
  const body = { clientId, body: "Good morning" };
  return call("POST", `${url}/v1/conversations/${group}/messages`, { token: by.token, body });
}

async function stage(slowModeSeconds = 600) {
  const [lan, minh, hoa] = [
    await signUp(first.url, "Lan"),
    await signUp(first.url, "Minh"),
    await signUp(first.url, "Hoa"),
  ];
  const memberIds = [minh.id, hoa.id];
  const group = await converse(first.url, lan.token, { kind: "group", name: "VN30", memberIds });
  expect((await settings(group, lan, { slowModeSeconds })).status).toBe(200);
  return { lan, minh, hoa, group };
}

/** As if so many seconds had gone by. */
async function pass(group: string, seconds: number): Promise<void> {
  await cluster.database.sql`update app.conversation_states
    set last_sent_at = last_sent_at - make_interval(secs => ${seconds}) where conversation_id = ${group}`;
}

test("a plain member waits between two messages, and is told for how long", async () => {
  const { minh, hoa, group } = await stage();
  expect((await say(minh, group)).status).toBe(201);
  const refused = await say(minh, group, { url: second.url });
  expect([refused.status, refused.body["code"]]).toEqual([429, "slow_mode"]);
  const after = Number(refused.headers.get("retry-after"));
  expect(after).toBeGreaterThan(500);
  expect(after).toBeLessThanOrEqual(600);
  // One who waits does not hold up another.
  expect((await say(hoa, group)).status).toBe(201);
  await pass(group, 600);
  expect((await say(minh, group)).status).toBe(201);
}, 30_000);

test("who keeps order does not wait, and nobody does once it is over", async () => {
  const { lan, minh, hoa, group } = await stage();
  const moderator = { token: lan.token, body: { role: "moderator" } };
  await call("PATCH", `${first.url}/v1/conversations/${group}/members/${hoa.id}`, moderator);
  for (const person of [lan, hoa, lan, hoa]) expect((await say(person, group)).status).toBe(201);
  expect((await say(minh, group)).status).toBe(201);
  expect((await say(minh, group)).status).toBe(429);
  await settings(group, lan, { slowModeSeconds: 0 });
  expect((await say(minh, group)).status).toBe(201);
}, 30_000);

test("a message that is sent again is the one that is stored, and costs no turn", async () => {
  const { minh, group } = await stage();
  const clientId = crypto.randomUUID();
  const sent = await say(minh, group, { clientId });
  const again = await say(minh, group, { clientId, url: second.url });
  expect([again.status, again.body]).toEqual([200, sent.body]);
}, 30_000);

test("of many messages at once, over two instances and a socket, one is stored", async () => {
  const { minh, group } = await stage();
  const socket = await openSocket(second.url, minh.token);
  for (let count = 0; count < 5; count += 1)
    socket.send({
      t: "send",
      i: count,
      ch: `c:${group}`,
      cid: crypto.randomUUID(),
      body: `n ${count}`,
    });
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, n) => say(minh, group, { url: n % 2 ? first.url : second.url })),
  );
  for (let count = 0; count < 5; count += 1)
    await socket.next(({ t, i }) => (t === "err" || t === "ack") && i === count, "the answer");
  const refusals = socket.frames.filter(({ t }) => t === "err");
  expect(refusals.every(({ m, retry }) => m === "slow_mode" && retry === true)).toBe(true);
  expect(refusals.every(({ after }) => Number(after) >= 1_000)).toBe(true);
  expect(answers.every(({ status }) => status === 201 || status === 429)).toBe(true);
  await socket.next(({ k }) => k === "msg.new", "the message");
  const [row] = await cluster.database.sql<{ n: number }[]>`
    select count(*)::int as n from app.messages where conversation_id = ${group}`;
  expect(row?.n).toBe(1);
  expect(eventsOf(socket, group).filter(({ k }) => k === "msg.new")).toHaveLength(1);
}, 30_000);
