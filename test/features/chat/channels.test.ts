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

async function stage(kind: "group" | "channel") {
  const [lan, minh] = [await signUp(first.url, "Lan"), await signUp(first.url, "Minh")];
  const body = { kind, name: "VN30", description: "Thirty", memberIds: [minh.id] };
  return { lan, minh, id: await converse(first.url, lan.token, body) };
}

const message = () => ({ clientId: crypto.randomUUID(), body: "Good morning" });

async function seqsSeenBy(by: Person, id: string): Promise<number[]> {
  const { body } = await ask(by, `GET /${id}/messages?limit=100`);
  return (body["items"] as { seq: number }[]).map(({ seq }) => seq);
}

test("in a channel few write and all read what was said before they came", async () => {
  const { lan, minh, id } = await stage("channel");
  expect((await ask(lan, `POST /${id}/messages`, message())).status).toBe(201);
  expect((await ask(minh, `POST /${id}/messages`, message())).status).toBeGreaterThanOrEqual(403);
  const late = await signUp(first.url);
  expect((await ask(lan, `PUT /${id}/members/${late.id}`)).status).toBe(204);
  expect(await seqsSeenBy(late, id)).toEqual([2]);
  const { body } = await ask(late, `GET /${id}`);
  expect(body).toMatchObject({
    kind: "channel",
    name: "VN30",
    description: "Thirty",
    history: "all",
    memberPermissions: 2,
    permissions: 2,
    role: "member",
    memberCount: 3,
    unread: 0,
  });
  await ask(lan, `PATCH /${id}/members/${minh.id}`, { role: "moderator" });
  expect((await ask(minh, `POST /${id}/messages`, message())).status).toBe(201);
  expect((await ask(late, `GET /${id}`)).body["unread"]).toBe(1);
}, 30_000);

test("settings are changed by those who may, told to everybody as they are, and hold at once", async () => {
  const { lan, minh, id } = await stage("group");
  const socket = await openSocket(first.url, minh.token);
  expect((await ask(minh, `PATCH /${id}`, { name: "Mine" })).status).toBe(403);
  const patch = { name: "VN100", description: "", memberPermissions: 2, slowModeSeconds: 30 };
  expect((await ask(lan, `PATCH /${id}`, patch)).body).toMatchObject(patch);
  const told = await socket.next((frame) => frame.k === "conv" && frame.d?.["op"] === "update");
  expect(told.d).toEqual({ op: "update", kind: "group", history: "joined", ...patch });
  // To react, and to wait.
  expect((await ask(minh, `GET /${id}`)).body["permissions"]).toBe(1_026);
  expect((await ask(minh, `POST /${id}/messages`, message())).status).toBeGreaterThanOrEqual(403);
  const before = (await ask(lan, `GET /${id}`)).body["lastSeq"];
  await ask(lan, `PATCH /${id}`, patch);
  expect((await ask(lan, `GET /${id}`)).body["lastSeq"]).toBe(before);
  for (const wrong of [
    {},
    { memberPermissions: 64 },
    { memberPermissions: 1_023 },
    { memberPermissions: "2" },
    { slowModeSeconds: 21_601 },
    { slowModeSeconds: -1 },
    { history: "none" },
    { name: "" },
    { kind: "channel" },
  ])
    expect((await ask(lan, `PATCH /${id}`, wrong)).status).toBe(422);
}, 30_000);

test("a plain member who may invite brings somebody in, as a plain member, and nobody where there is no room", async () => {
  const { lan, minh, id } = await stage("group");
  const late = await signUp(first.url);
  const add = (by: Person) => ask(by, `PUT /${id}/members/${late.id}`);
  expect((await add(minh)).status).toBe(403);
  await ask(lan, `PATCH /${id}`, { memberPermissions: 39 });
  expect((await add(minh)).status).toBe(204);
  expect((await add(minh)).status).toBe(204);
  expect((await ask(late, `GET /${id}`)).body).toMatchObject({ role: "member", memberCount: 3 });
  await ask(late, `DELETE /${id}/members/${late.id}`);
  await cluster.database.sql`update app.conversations set member_count = 500 where id = ${id}`;
  expect((await add(minh)).body["code"]).toBe("group_full");
}, 30_000);

test("who comes back sees nothing of what was said while they were out, where history begins with coming in", async () => {
  const { lan, minh, id } = await stage("group");
  const say = async () => Number((await ask(lan, `POST /${id}/messages`, message())).body["seq"]);
  const before = await say();
  await ask(lan, `DELETE /${id}/members/${minh.id}`);
  const between = await say();
  await ask(lan, `PUT /${id}/members/${minh.id}`);
  const after = await say();
  expect(await seqsSeenBy(minh, id)).toEqual([after]);
  const socket = await openSocket(first.url, minh.token);
  socket.send({ t: "sync", i: 5, ch: `c:${id}`, from: 0 });
  const synced = await socket.next((frame) => frame.t === "sync.ok" && frame.i === 5);
  const positions = (synced["ev"] as { seq: number }[]).map(({ seq }) => seq);
  expect(positions).not.toContain(between);
  expect(positions).not.toContain(before);
  expect(positions).toContain(after);
  expect((await ask(minh, `GET /${id}`)).body["unread"]).toBe(1);
  await ask(lan, `DELETE /${id}/members/${minh.id}`);
  await ask(lan, `PATCH /${id}`, { history: "all" });
  await ask(lan, `PUT /${id}/members/${minh.id}`);
  expect(await seqsSeenBy(minh, id)).toEqual([after, between, before]);
}, 30_000);

test("members are listed page by page to members alone", async () => {
  const { lan, minh, id } = await stage("group");
  const page = await ask(minh, `GET /${id}/members?limit=1`);
  const { nextCursor } = page.body["page"] as { nextCursor: string };
  const rest = await ask(minh, `GET /${id}/members?limit=1&cursor=${nextCursor}`);
  const members = [page, rest].flatMap(({ body }) => body["items"] as object[]);
  expect(members).toEqual(
    [
      { userId: lan.id, displayName: "Lan", role: "owner", joinedSeq: 1 },
      { userId: minh.id, displayName: "Minh", role: "member", joinedSeq: 1 },
    ].toSorted((one, other) => (one.userId < other.userId ? -1 : 1)),
  );
  expect((rest.body["page"] as { nextCursor: unknown }).nextCursor).toBe(null);
  const owners = await ask(minh, `GET /${id}/members?role=owner`);
  expect((owners.body["items"] as { userId: string }[]).map(({ userId }) => userId)).toEqual([
    lan.id,
  ]);
  expect((await ask(await signUp(first.url), `GET /${id}/members`)).status).toBe(404);
}, 30_000);
