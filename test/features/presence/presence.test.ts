import { afterAll, beforeAll, expect, test } from "bun:test";

import { createKeys } from "../../../src/platform/keys.ts";
import { openRedis } from "../../../src/platform/redis.ts";
import { call, converse, type Person, signUp } from "../../support/client.ts";
import { silentLog } from "../../support/database.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";
import { testServices } from "../../support/services.ts";
import { type Frame, openSocket, type TestSocket } from "../../support/socket.ts";

/** The tests mostly wait for time to pass, and nobody in them knows anybody else, so they wait together. */

/** Beyond the lease of an instance that has vanished, and under load. */
const LIMIT_MS = 40_000;
const TEST_MS = 90_000;
/** How long somebody may seem to be there whose instance has vanished, and what a busy machine adds to it. */
const GONE_MS = 15_000;
const BUSY_MS = 10_000;

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
}, TEST_MS);
afterAll(() => cluster[Symbol.asyncDispose]());

const person = () => signUp(first.url);

/** What one sees of another; undefined for one who is left out. */
async function see(viewer: Person, seen: Person): Promise<{ status: string; lastSeenAt: unknown }> {
  const query = `?userIds=${seen.id}`;
  const { status, body } = await call("GET", `${second.url}/v1/presence${query}`, viewer);
  expect(status).toBe(200);
  const [item] = body["items"] as { userId: string; status: string; lastSeenAt: unknown }[];
  return item ?? { status: "hidden", lastSeenAt: null };
}
async function untilSeen(viewer: Person, seen: Person, status: string): Promise<void> {
  const look = async () => (await see(viewer, seen)).status === status;
  await until(`${status} to be seen`, look, LIMIT_MS);
}
/** Two people with a direct conversation. */
async function openPair(): Promise<{ lan: Person; minh: Person; pair: string }> {
  const [lan, minh] = [await person(), await person()];
  const pair = await converse(first.url, lan.token, { kind: "direct", userId: minh.id });
  return { lan, minh, pair };
}
async function choose(who: Person, settings: object): Promise<void> {
  const body = { visibleTo: "contacts", lastSeenTo: "contacts", isInvisible: false, ...settings };
  const answer = await call("PUT", `${first.url}/v1/me/presence`, { token: who.token, body });
  expect([answer.status, answer.body]).toEqual([200, body]);
}
/** A socket of the viewer on the second instance that looks at the conversation. */
async function watch(viewer: Person, conversationId: string): Promise<TestSocket> {
  const socket = await openSocket(second.url, viewer.token);
  await focus(socket, conversationId);
  return socket;
}
async function focus(socket: TestSocket, conversationId: string): Promise<void> {
  const i = 500 + socket.frames.length;
  socket.send({ t: "focus", i, ch: [`c:${conversationId}`] });
  await socket.next((frame) => frame.i === i, "the answer to focus");
}
function statusesOf({ frames }: TestSocket, who: Person): unknown[] {
  const told = frames.filter(({ t, k, u }) => t === "eph" && k === "pres" && u === who.id);
  return told.map(({ status }) => status);
}
const isStatus =
  (who: Person, status: string) =>
  ({ t, k, u, status: told }: Frame) =>
    t === "eph" && k === "pres" && u === who.id && told === status;

test.concurrent(
  "who comes is seen by contacts on every instance, as the best of what their devices say",
  async () => {
    const { lan, minh, pair } = await openPair();
    const eye = await watch(minh, pair);
    expect((await see(minh, lan)).status).toBe("offline");
    const phone = await openSocket(first.url, lan.token);
    await eye.next(isStatus(lan, "online"), "online");
    await untilSeen(minh, lan, "online");
    const laptop = await openSocket(second.url, lan.token);
    phone.send({ t: "pres", status: "away" });
    laptop.send({ t: "pres", status: "away" });
    await eye.next(isStatus(lan, "away"), "away");
    await untilSeen(minh, lan, "away");
    laptop.send({ t: "pres", i: 9, status: "online" });
    expect((await laptop.next(({ i }) => i === 9)).t).toBe("ok");
    await untilSeen(minh, lan, "online");
    for (const socket of [phone, laptop, eye]) socket.close();
  },
  TEST_MS,
);

test.concurrent(
  "a reload is no absence, and who goes is gone after a while, with the time at which they were last seen",
  async () => {
    const { lan, minh, pair } = await openPair();
    const eye = await watch(minh, pair);
    const [phone, before] = [await openSocket(first.url, lan.token), new Date().toISOString()];
    await eye.next(isStatus(lan, "online"), "online");
    phone.close();
    await phone.closed;
    const again = await openSocket(second.url, lan.token);
    await untilSeen(minh, lan, "online");
    again.close();
    await eye.next(isStatus(lan, "offline"), "offline");
    // One word for each change that lasted.
    expect(statusesOf(eye, lan)).toEqual(["online", "offline"]);
    const { status, lastSeenAt } = await see(minh, lan);
    expect([status, String(lastSeenAt) > before]).toEqual(["offline", true]);
    eye.close();
  },
  TEST_MS,
);

test.concurrent(
  "who has written to somebody sees whether they are there only once they have answered",
  async () => {
    const { lan, minh, pair } = await openPair();
    const phone = await openSocket(first.url, minh.token);
    const eye = await watch(lan, pair);
    // Minh sees Lan, who began, long before Lan sees Minh.
    await untilSeen(minh, lan, "online");
    expect((await see(lan, minh)).status).toBe("hidden");
    const body = { clientId: crypto.randomUUID(), body: "Good morning" };
    const url = `${first.url}/v1/conversations/${pair}/messages`;
    expect((await call("POST", url, { token: minh.token, body })).status).toBe(201);
    expect(statusesOf(eye, minh)).toEqual([]);
    phone.send({ t: "pres", status: "away" });
    await eye.next(isStatus(minh, "away"), "away");
    await untilSeen(lan, minh, "away");
    for (const socket of [phone, eye]) socket.close();
  },
  TEST_MS,
);

test.concurrent(
  "strangers, and those who are not meant to, see and hear nothing, and who is invisible looks absent",
  async () => {
    const { lan, minh, pair } = await openPair();
    const stranger = await person();
    const body = { kind: "group", name: "VN30", memberIds: [minh.id, stranger.id] };
    const group = await converse(first.url, lan.token, body);
    const [eye, passer] = [await watch(minh, pair), await watch(stranger, group)];
    const phone = await openSocket(first.url, lan.token);
    await eye.next(isStatus(lan, "online"), "online");
    expect((await see(stranger, lan)).status).toBe("hidden");

    await choose(lan, { isInvisible: true });
    await eye.next(isStatus(lan, "offline"), "offline");
    expect(await see(minh, lan)).toMatchObject({ status: "offline", lastSeenAt: null });
    await choose(lan, { visibleTo: "nobody" });
    expect((await see(minh, lan)).status).toBe("hidden");
    expect((await see(lan, lan)).status).toBe("online");

    expect(statusesOf(passer, lan)).toEqual([]);
    await choose(lan, { visibleTo: "everybody" });
    await passer.next(isStatus(lan, "online"), "online");
    expect((await see(stranger, lan)).status).toBe("online");
    await choose(lan, { visibleTo: "contacts" });
    await passer.next(isStatus(lan, "offline"), "offline");
    expect((await see(stranger, lan)).status).toBe("hidden");
    // All of it has reached the user's own devices.
    const chosen = { visibleTo: "contacts", lastSeenTo: "contacts", isInvisible: false };
    const isChosen = ({ ch, k, d }: Frame) =>
      ch === "u" && k === "presence" && Bun.deepEquals(d, chosen);
    await phone.next(isChosen, "the last choice");
    for (const socket of [eye, passer, phone]) socket.close();
  },
  TEST_MS,
);

test.concurrent(
  "two of whom one has blocked the other know nothing of each other, and others still do",
  async () => {
    const { lan, minh, pair } = await openPair();
    const friend = await person();
    const other = await converse(first.url, lan.token, { kind: "direct", userId: friend.id });
    const block = { token: minh.token };
    const blocked = await call("PUT", `${first.url}/v1/me/blocks/${lan.id}`, block);
    expect(blocked.status).toBeLessThan(300);
    const [eye, friendly] = [await watch(minh, pair), await watch(friend, other)];
    const phone = await openSocket(first.url, lan.token);
    await friendly.next(isStatus(lan, "online"), "online");
    phone.send({ t: "typ", i: 7, ch: `c:${pair}`, on: true });
    await phone.next(({ i }) => i === 7, "the answer");
    await choose(lan, { visibleTo: "everybody" });
    expect((await see(minh, lan)).status).toBe("hidden");
    expect((await see(lan, minh)).status).toBe("hidden");
    expect((await see(friend, lan)).status).toBe("online");
    expect(eye.frames.filter(({ t }) => t === "eph")).toEqual([]);
    for (const socket of [eye, friendly, phone]) socket.close();
  },
  TEST_MS,
);

test.concurrent(
  "nobody is present twice or for ever after many have come and gone at once",
  async () => {
    const { lan, minh } = await openPair();
    const urls = [first.url, second.url];
    for (let round = 0; round < 5; round += 1) {
      const sockets = await Promise.all(
        Array.from({ length: 16 }, (_, at) => openSocket(urls[at % 2] ?? "", lan.token)),
      );
      await untilSeen(minh, lan, "online");
      for (const socket of sockets) socket.close();
      await Promise.all(sockets.map(({ closed }) => closed));
    }
    await untilSeen(minh, lan, "offline");
    const { redisUrl } = await testServices();
    const redis = await openRedis({ url: new URL(redisUrl), log: silentLog, name: "test" });
    const key = createKeys(cluster.redisPrefix).presence(lan.id);
    const isGone = async () => (await redis.client.exists(key)) === 0;
    await until("nothing to be left of it", isGone, LIMIT_MS);
    await redis.close();
  },
  TEST_MS,
);

test.concurrent(
  "who was on an instance that was killed is gone when its lease is, and who came back elsewhere is not",
  async () => {
    const { lan, minh, pair } = await openPair();
    const doomed = await cluster.start();
    const other = await person();
    const otherPair = await converse(first.url, other.token, { kind: "direct", userId: minh.id });
    const eye = await watch(minh, pair);
    await openSocket(doomed.url, lan.token);
    await openSocket(doomed.url, other.token);
    await eye.next(isStatus(lan, "online"), "online");
    await untilSeen(minh, other, "online");
    const killedAt = performance.now();
    await doomed.kill();
    const back = await openSocket(first.url, other.token);
    await eye.next(isStatus(lan, "offline"), "offline");
    expect(performance.now() - killedAt).toBeLessThan(GONE_MS + BUSY_MS);
    expect((await see(minh, lan)).status).toBe("offline");
    expect((await see(minh, other)).status).toBe("online");
    await focus(eye, otherPair);
    expect(statusesOf(eye, other)).toEqual([]);
    back.close();
    eye.close();
  },
  TEST_MS,
);
