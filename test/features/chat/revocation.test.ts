import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import {
  type Detour,
  openTestRedisServer,
  type TestRedisServer,
} from "../../support/redis_server.ts";
import { eventsOf, openSocket, type TestSocket } from "../../support/socket.ts";

const ROUNDS = 4;
/** The promise is 1 s; a machine that is held up by others may take longer, but not for long. */
const LIMIT_MS = 5_000;

let server: TestRedisServer;
let detour: Detour;
let cluster: Cluster;
let first: Instance;
/** Hears by a way that can be made deaf. */
let second: Instance;

beforeAll(async () => {
  server = await openTestRedisServer();
  detour = server.openDetour();
  cluster = await openCluster({ worker: false });
  [first, second] = await Promise.all([
    cluster.start({ REDIS_URL: server.url.href }),
    cluster.start({ REDIS_URL: detour.url.href }),
  ]);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  detour[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

/** A group, a guest of it on the other instance, and a conversation by which the guest still hears afterwards. */
async function openRound() {
  const [owner, guest] = [await signUp(first.url), await signUp(second.url)];
  const memberIds = [guest.id];
  const group = await converse(first.url, owner.token, { kind: "group", name: "VN30", memberIds });
  const fence = await converse(first.url, owner.token, { kind: "direct", userId: guest.id });
  const socket = await openSocket(second.url, guest.token);
  return { owner, guest, group, fence, socket };
}

type Round = Awaited<ReturnType<typeof openRound>>;

async function say(owner: Person, conversation: string, body: string): Promise<void> {
  const { status } = await call("POST", `${first.url}/v1/conversations/${conversation}/messages`, {
    token: owner.token,
    body: { clientId: crypto.randomUUID(), body },
  });
  expect(status).toBe(201);
}

/** Removes the guest while the owner goes on talking, then puts a fence behind it all. */
async function kick({ owner, guest, group, fence }: Round): Promise<number> {
  const talking = Array.from({ length: 10 }, (_, n) => say(owner, group, `during ${n}`));
  const member = `${first.url}/v1/conversations/${group}/members/${guest.id}`;
  const { status } = await call("DELETE", member, { token: owner.token });
  expect(status).toBe(204);
  const removedAt = performance.now();
  await Promise.all(talking);
  for (let n = 0; n < 5; n += 1) await say(owner, group, `after ${n}`);
  await say(owner, fence, "fence");
  return removedAt;
}

async function leftAt({ group, guest }: Round): Promise<number> {
  const [row] = await cluster.database.sql<{ left_seq: string }[]>`
    select left_seq from app.conversation_members
    where conversation_id = ${group} and user_id = ${guest.id}`;
  return Number(row?.left_seq);
}

async function untilFence({ socket, fence }: Round): Promise<void> {
  const isFence = (frame: TestSocket["frames"][number]) =>
    frame.ch === `c:${fence}` && frame.d?.body === "fence";
  await socket.next(isFence, "the fence");
}

/** Nothing behind the removal, and in front of it nothing left out. @returns how far the guest has heard. */
async function expectCutOff(round: Round): Promise<{ last: number; left: number }> {
  const left = await leftAt(round);
  const seqs = eventsOf(round.socket, round.group).map(({ seq = 0 }) => seq);
  const last = seqs.at(-1) ?? 0;
  expect(last).toBeLessThanOrEqual(left);
  expect(seqs).toEqual(Array.from(seqs, (_, at) => (seqs[0] ?? 0) + at));
  const sync = { t: "sync", i: 99, ch: `c:${round.group}`, from: 0 };
  round.socket.send(sync);
  const answer = await round.socket.next(({ i }) => i === 99, "the answer to sync");
  expect([answer.t, answer["m"]]).toEqual(["err", "not_found"]);
  return { last, left };
}

test("who is removed while others talk gets nothing behind their removal, and gets that within a second", async () => {
  for (let count = 0; count < ROUNDS; count += 1) {
    const round = await openRound();
    const told = round.socket
      .next(({ k, d }) => k === "member" && d?.["op"] === "remove", "the removal")
      .then(() => performance.now());
    const removedAt = await kick(round);
    expect((await told) - removedAt).toBeLessThan(LIMIT_MS);
    await untilFence(round);
    const { last, left } = await expectCutOff(round);
    expect(last).toBe(left);
    round.socket.close();
  }
}, 60_000);

test("the same holds when every word of it is lost on the way", async () => {
  const rounds = await Promise.all([openRound(), openRound(), openRound()]);
  expect(detour.silence("frm-ai-bus")).toBeGreaterThan(0);
  await Promise.all(rounds.map(kick));
  for (const round of rounds) {
    await untilFence(round);
    await expectCutOff(round);
    round.socket.close();
  }
}, 60_000);

test("a session that ends while nothing can be heard loses its socket", async () => {
  const { guest, socket } = await openRound();
  expect(detour.silence("frm-ai-bus")).toBeGreaterThan(0);
  const { status } = await call("POST", `${first.url}/v1/auth/logout`, { token: guest.token });
  expect(status).toBe(204);
  expect((await socket.closed).code).toBe(4401);
}, 60_000);
