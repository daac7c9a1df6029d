import { afterAll, beforeAll, expect, test } from "bun:test";

import { type Answer, call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openSocket } from "../../support/socket.ts";

/** Processes start slowly where others are at work. */
const START_MS = 90_000;

let cluster: Cluster;
let instances: Instance[];

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  instances = await Promise.all([cluster.start(), cluster.start()]);
}, START_MS);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const url = () => instances[0]?.url ?? "";
const otherUrl = () => instances[1]?.url ?? "";

async function people(count: number): Promise<Person[]> {
  return await Promise.all(Array.from({ length: count }, (_, at) => signUp(url(), `P${at}`)));
}
async function two(): Promise<[Person, Person, string]> {
  const [lan, minh] = (await people(2)) as [Person, Person];
  const direct = await converse(url(), lan.token, { kind: "direct", userId: minh.id });
  return [lan, minh, direct];
}
function block({ token }: Person, other: Person): Promise<Answer> {
  return call("PUT", `${url()}/v1/me/blocks/${other.id}`, { token });
}
function unblock({ token }: Person, other: Person): Promise<Answer> {
  return call("DELETE", `${otherUrl()}/v1/me/blocks/${other.id}`, { token });
}
async function outcome(answer: Promise<Answer>): Promise<string> {
  const { status, body } = await answer;
  return status < 300 ? String(status) : `${status} ${String(body["code"])}`;
}
function send({ token }: Person, conversation: string): Promise<string> {
  const body = { clientId: crypto.randomUUID(), body: "Good morning" };
  return outcome(
    call("POST", `${otherUrl()}/v1/conversations/${conversation}/messages`, { token, body }),
  );
}
async function bodiesIn({ token }: Person, conversation: string): Promise<number> {
  const answer = await call("GET", `${url()}/v1/conversations/${conversation}/messages`, { token });
  return (answer.body["items"] as unknown[]).length;
}

test("who is blocked and who blocks are both refused, with one answer, and nothing is stored", async () => {
  const [lan, minh, direct] = await two();
  expect(await send(minh, direct)).toBe("201");
  expect((await block(lan, minh)).status).toBe(204);
  expect(await send(minh, direct)).toBe("403 not_reachable");
  expect(await send(lan, direct)).toBe("403 not_reachable");
  expect(await bodiesIn(lan, direct)).toBe(1);
  expect(await bodiesIn(minh, direct)).toBe(1);
});

test("a socket hears the same refusal as a request", async () => {
  const [lan, minh, direct] = await two();
  await block(lan, minh);
  const socket = await openSocket(otherUrl(), minh.token);
  socket.send({ t: "send", i: 7, ch: `c:${direct}`, cid: crypto.randomUUID(), body: "hello" });
  const answer = await socket.next(({ i }) => i === 7, "the refusal");
  expect(answer).toMatchObject({ t: "err", m: "not_reachable", retry: false });
  socket.close();
});

test("a message that was stored before the block is still answered as stored", async () => {
  const [lan, minh, direct] = await two();
  const body = { clientId: crypto.randomUUID(), body: "before" };
  const post = () =>
    call("POST", `${url()}/v1/conversations/${direct}/messages`, { token: minh.token, body });
  const first = await post();
  await block(lan, minh);
  const again = await post();
  expect([first.status, again.status]).toEqual([201, 200]);
  expect(again.body["id"]).toBe(first.body["id"]);
});

test("both have to take their blocks back before either writes again", async () => {
  const [lan, minh, direct] = await two();
  await block(lan, minh);
  await block(minh, lan);
  await unblock(lan, minh);
  expect(await send(lan, direct)).toBe("403 not_reachable");
  await unblock(minh, lan);
  expect(await send(lan, direct)).toBe("201");
  expect(await send(minh, direct)).toBe("201");
});

test("none of two opens a conversation or a group with the other, nor brings them into one", async () => {
  const [lan, minh, hoa] = (await people(3)) as [Person, Person, Person];
  await block(lan, minh);
  for (const [actor, other] of [
    [minh, lan],
    [lan, minh],
  ] as const) {
    const open = (body: object) =>
      outcome(call("POST", `${url()}/v1/conversations`, { token: actor.token, body }));
    expect(await open({ kind: "direct", userId: other.id })).toBe("403 not_reachable");
    const memberIds = [hoa.id, other.id];
    expect(await open({ kind: "group", name: "VN30", memberIds })).toBe("403 not_reachable");
    const group = await converse(url(), actor.token, {
      kind: "group",
      name: "VN30",
      memberIds: [hoa.id],
    });
    const path = `${url()}/v1/conversations/${group}/members/${other.id}`;
    expect(await outcome(call("PUT", path, { token: actor.token }))).toBe("403 not_reachable");
    expect(await send(other, group)).toBe("404 not_found");
  }
});

test("in a group both go on talking, for everybody to read", async () => {
  const [lan, minh, hoa] = (await people(3)) as [Person, Person, Person];
  const memberIds = [minh.id, hoa.id];
  const group = await converse(url(), lan.token, { kind: "group", name: "HNX", memberIds });
  await block(lan, minh);
  expect(await send(minh, group)).toBe("201");
  expect(await send(lan, group)).toBe("201");
  for (const one of [lan, minh, hoa]) expect(await bodiesIn(one, group)).toBe(2);
});

test("only the blocker's devices are told, once for each change, and only the blocker sees the list", async () => {
  const [lan, minh] = await two();
  const [own, others] = [
    await openSocket(otherUrl(), lan.token),
    await openSocket(url(), minh.token),
  ];
  expect((await block(lan, minh)).status).toBe(204);
  expect((await block(lan, minh)).status).toBe(204);
  expect((await unblock(lan, minh)).status).toBe(204);
  expect((await unblock(lan, minh)).status).toBe(204);
  const told = ({ frames }: typeof own) => frames.filter(({ k }) => k === "block");
  await own.next(({ k, d }) => k === "block" && d?.["on"] === false, "the end of the block");
  expect(told(own).map(({ d }) => d)).toEqual([
    { userId: minh.id, on: true },
    { userId: minh.id, on: false },
  ]);
  expect(told(others)).toEqual([]);
  own.close();
  others.close();
});

test("the list is the caller's own, newest first, page by page", async () => {
  const [lan, ...others] = (await people(4)) as [Person, ...Person[]];
  for (const other of others) await block(lan, other);
  const seen: string[] = [];
  let query = "?limit=2";
  for (;;) {
    const { body } = await call("GET", `${url()}/v1/me/blocks${query}`, { token: lan.token });
    const { items, page } = body as unknown as {
      items: { userId: string; displayName: string }[];
      page: { nextCursor: string | null };
    };
    seen.push(...items.map(({ userId }) => userId));
    if (page.nextCursor === null) break;
    query = `?limit=2&cursor=${page.nextCursor}`;
  }
  expect(seen).toEqual(others.map(({ id }) => id).toReversed());
  const [first] = others as [Person];
  const answer = await call("GET", `${url()}/v1/me/blocks`, { token: first.token });
  expect(answer.body["items"]).toEqual([]);
});

test("nobody blocks themselves, or somebody who does not exist", async () => {
  const [lan] = (await people(1)) as [Person];
  expect(await outcome(block(lan, lan))).toBe("422 validation_failed");
  expect(await outcome(block(lan, { ...lan, id: crypto.randomUUID() }))).toBe("404 not_found");
});

test("when the two open their conversation while one blocks the other, no message passes afterwards", async () => {
  for (let round = 0; round < 8; round += 1) {
    const [lan, minh] = (await people(2)) as [Person, Person];
    const body = { kind: "direct", userId: lan.id };
    const [opened] = await Promise.all([
      call("POST", `${otherUrl()}/v1/conversations`, { token: minh.token, body }),
      block(lan, minh),
    ]);
    if (opened.status === 403) continue;
    expect(await send(minh, String(opened.body["id"]))).toBe("403 not_reachable");
  }
});

test("nothing that was sent at the same time is stored after the block was answered", async () => {
  const [lan, minh, direct] = await two();
  const sending = Array.from({ length: 20 }, () => send(minh, direct));
  await block(lan, minh);
  const stored = await bodiesIn(lan, direct);
  const outcomes = await Promise.all(sending);
  expect(new Set(outcomes).difference(new Set(["201", "403 not_reachable"]))).toEqual(new Set());
  expect(await bodiesIn(lan, direct)).toBe(stored);
  expect(outcomes.filter((one) => one === "201")).toHaveLength(stored);
});

test("a mention does not count for somebody who has blocked the author, and does for the others", async () => {
  const [lan, minh, hoa] = (await people(3)) as [Person, Person, Person];
  const memberIds = [minh.id, hoa.id];
  const group = await converse(url(), lan.token, { kind: "group", name: "HNX", memberIds });
  await block(hoa, minh);
  const path = `${url()}/v1/conversations/${group}/messages`;
  const { token } = minh;
  const first = { clientId: crypto.randomUUID(), body: "hello" };
  const sent = await call("POST", path, { token, body: first });
  const body = { body: `<@${lan.id}> <@${hoa.id}> hello`, rev: 0 };
  const edited = await call("PATCH", `${path}/${String(sent.body["seq"])}`, { token, body });
  expect(edited.status).toBe(200);
  const named = await cluster.database.sql<{ user_id: string }[]>`
    select user_id from app.message_mentions where conversation_id = ${group}`;
  expect(named.map(({ user_id }) => user_id)).toEqual([lan.id]);
});
