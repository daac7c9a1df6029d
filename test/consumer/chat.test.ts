import { afterAll, beforeAll, expect, test } from "bun:test";

import {
  type ChatEvent,
  type ChatSocket,
  createApi,
  createSocket,
  createTicketSource,
} from "../../src/client/mod.ts";
import { PASSWORD, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { until } from "../support/poll.ts";

/** A loaded machine takes its time to hash passwords and to start processes. */
const PATIENCE_MS = 20_000;

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

interface Person {
  id: string;
  token: string;
}

/** Registers at one instance and signs in through the typed client at another. */
async function signIn(url: string): Promise<Person> {
  const { email } = await signUp(first.url);
  const { data, error } = await createApi(url).v1.auth.login.post({ email, password: PASSWORD });
  if (!data) throw new Error(`Cannot sign in: ${error.value.code}`);
  return { id: data.user.id, token: data.accessToken };
}

function apiOf(url: string, { token }: Person) {
  return createApi(url, { token: () => token });
}

/** A conversation of two, opened through the typed client. */
async function converse(url: string, from: Person, to: Person): Promise<string> {
  const { data, error } = await apiOf(url, from).v1.conversations.post({
    kind: "direct",
    userId: to.id,
  });
  if (!data) throw new Error(`Cannot converse: ${error.value.code}`);
  return data.id;
}

interface Recorder extends Disposable {
  socket: ChatSocket;
  events: ChatEvent[];
  states: string[];
}

/** A socket to whichever instance `url` names, and everything that it has told. */
async function connect(url: () => string, person: Person): Promise<Recorder> {
  const ticket = () => createTicketSource(apiOf(url(), person))();
  const socket = createSocket({ url, ticket });
  const events: ChatEvent[] = [];
  const states: string[] = [];
  socket.on("event", (event) => events.push(event));
  socket.on("state", (state) => states.push(state));
  await until("the socket to open", () => socket.state === "open", PATIENCE_MS);
  return { socket, events, states, [Symbol.dispose]: () => socket.close() };
}

function bodiesOf({ events }: Recorder): string[] {
  return events.flatMap(({ kind, data }) => (kind === "msg.new" ? [data.body] : []));
}

function expectInOrder({ events }: Recorder): void {
  const seqs = events.map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from(seqs, (_, index) => (seqs[0] ?? 0) + index));
}

test("two people sign in, list conversations and chat through two instances", async () => {
  const [lan, minh] = [await signIn(first.url), await signIn(second.url)];
  const conversationId = await converse(first.url, lan, minh);
  const listed = await apiOf(second.url, minh).v1.conversations.get({ query: { limit: 20 } });
  expect(listed.data?.items.map(({ id }) => id)).toEqual([conversationId]);
  expect(listed.data?.items[0]?.createdAt).toBeTypeOf("string");
  using hers = await connect(() => first.url, lan);
  using his = await connect(() => second.url, minh);
  const sent = await hers.socket.send({ conversationId, body: "xin chào" });
  await until("his event", () => his.events.length > 0, PATIENCE_MS);
  const { data } = await apiOf(second.url, minh)
    .v1.conversations({ id: conversationId })
    .messages.get();
  const message = data?.items[0];
  expect(message?.id).toBe(sent.id);
  expect(his.events).toEqual([
    {
      channel: `c:${conversationId}`,
      conversationId,
      seq: sent.seq,
      at: Date.parse(message?.createdAt ?? ""),
      kind: "msg.new",
      data: message ?? expect.unreachable(),
    },
  ]);
});

const COUNT = 60;

test("kill -9 of one side's instance in the middle of a chat loses and doubles nothing, and keeps the order", async () => {
  const doomed = await cluster.start();
  let hers = doomed.url;
  const [lan, minh] = [await signIn(first.url), await signIn(second.url)];
  const conversationId = await converse(first.url, lan, minh);
  using writer = await connect(() => hers, lan);
  using reader = await connect(() => second.url, minh);
  const acked: { body: string; seq: number }[] = [];
  const say = async (recorder: Recorder, name: string) => {
    const sending = Array.from({ length: COUNT }, async (_, index) => {
      const body = `${name} ${index}`;
      const { seq } = await recorder.socket.send({ conversationId, body });
      acked.push({ body, seq });
    });
    await Promise.all(sending);
  };
  const speaking = Promise.all([say(writer, "lan"), say(reader, "minh")]);
  await until(
    "some of it",
    () => acked.filter(({ body }) => body.startsWith("lan")).length >= 10,
    PATIENCE_MS,
  );
  hers = first.url;
  await doomed.kill();
  await speaking;
  expect(acked.filter(({ body }) => body.startsWith("lan"))).toHaveLength(COUNT);
  for (const recorder of [writer, reader]) {
    await until("everything", () => recorder.events.length >= 2 * COUNT, PATIENCE_MS);
    expectInOrder(recorder);
    const bodies = bodiesOf(recorder);
    expect(new Set(bodies).size).toBe(2 * COUNT);
    for (const name of ["lan", "minh"]) {
      const own = bodies.filter((body) => body.startsWith(name));
      expect(own).toEqual(Array.from({ length: COUNT }, (_, index) => `${name} ${index}`));
    }
    // The position in an acknowledgement is that of the event.
    for (const { body, seq } of acked) expect(bodies[seq - 2]).toBe(body);
  }
  expect(writer.states).toEqual(["open", "waiting", "connecting", "open"]);
  expect(reader.states).toEqual(["open"]);
});

test("what happens while a device is away is delivered when it is back, conversations that are new included", async () => {
  const doomed = await cluster.start();
  let his = doomed.url;
  const [lan, minh] = [await signIn(first.url), await signIn(second.url)];
  const conversationId = await converse(first.url, lan, minh);
  using reader = await connect(() => his, minh);
  const resets: object[] = [];
  reader.socket.on("reset", (reset) => resets.push(reset));
  his = "http://127.0.0.1:9";
  await doomed.kill();
  await until("the loss", () => reader.socket.state === "waiting", PATIENCE_MS);
  const write = async (body: string) => {
    const { error } = await apiOf(first.url, lan)
      .v1.conversations({ id: conversationId })
      .messages.post({ clientId: crypto.randomUUID(), body });
    expect(error).toBeNull();
  };
  for (let count = 0; count < 5; count += 1) await write(`missed ${count}`);
  const opened = await apiOf(first.url, lan).v1.conversations.post({
    kind: "group",
    name: "VN30",
    memberIds: [minh.id],
  });
  his = second.url;
  await until("all of it", () => bodiesOf(reader).length >= 5, PATIENCE_MS);
  expect(bodiesOf(reader)).toEqual(Array.from({ length: 5 }, (_, index) => `missed ${index}`));
  expectInOrder(reader);
  const id = opened.data?.id ?? "";
  expect(resets).toEqual([{ channel: `c:${id}`, conversationId: id, seq: 1 }]);
});

test("a session that is ended from elsewhere ends the socket, which does not come back", async () => {
  const lan = await signIn(first.url);
  using recorder = await connect(() => second.url, lan);
  const ended: object[] = [];
  recorder.socket.on("ended", (verdict) => ended.push(verdict));
  await apiOf(first.url, lan).v1.auth.logout.post();
  await until("the end", () => recorder.socket.state === "closed", PATIENCE_MS);
  expect(ended).toEqual([{ verdict: "signed_out", code: 4401, reason: "session_revoked" }]);
  expect(recorder.states).toEqual(["open", "closed"]);
  const late = recorder.socket.send({ conversationId: crypto.randomUUID(), body: "too late" });
  expect(await late.catch((error: { code: string }) => error.code)).toBe("closed");
});

test("who has no session any more gets no socket, and is told so at once", async () => {
  const lan = await signIn(first.url);
  const api = apiOf(first.url, lan);
  await api.v1.auth.logout.post();
  const ended: object[] = [];
  using socket = createSocket({ url: first.url, ticket: createTicketSource(api) });
  socket.on("ended", (verdict) => ended.push(verdict));
  await until("the end", () => socket.state === "closed", PATIENCE_MS);
  expect(ended).toEqual([{ verdict: "signed_out", code: 0, reason: "session_revoked" }]);
});

test("a refused message rejects with its code, and the next one goes out", async () => {
  const [lan, minh] = [await signIn(first.url), await signIn(second.url)];
  const conversationId = await converse(first.url, lan, minh);
  using recorder = await connect(() => first.url, lan);
  const stranger = crypto.randomUUID();
  const codes = await Promise.all(
    [
      { conversationId: stranger, body: "hello" },
      { conversationId, body: "" },
    ].map((message) =>
      recorder.socket.send(message).catch((error: { code: string }) => error.code),
    ),
  );
  expect(codes).toEqual(["not_found", "validation_failed"]);
  expect((await recorder.socket.send({ conversationId, body: "fine" })).seq).toBe(2);
});

test("who is taken out of a group and brought back ends up with what a member may read, once and in order", async () => {
  const [lan, minh] = [await signIn(first.url), await signIn(second.url)];
  const api = apiOf(first.url, lan);
  const group = await api.v1.conversations.post({
    kind: "group",
    name: "VN30",
    memberIds: [minh.id],
  });
  const conversationId = group.data?.id ?? "";
  const member = api.v1.conversations({ id: conversationId }).members({ userId: minh.id });
  using hers = await connect(() => first.url, lan);
  using his = await connect(() => second.url, minh);
  await hers.socket.send({ conversationId, body: "before" });
  await until("the first message", () => his.events.length === 1, PATIENCE_MS);
  await member.delete();
  await hers.socket.send({ conversationId, body: "without you" });
  await member.put();
  await hers.socket.send({ conversationId, body: "welcome back" });
  await until("the last message", () => bodiesOf(his).includes("welcome back"), PATIENCE_MS);
  await until("everything on her side", () => bodiesOf(hers).length === 3, PATIENCE_MS);
  const read = await apiOf(second.url, minh)
    .v1.conversations({ id: conversationId })
    .messages.get();
  expect(bodiesOf(his)).toEqual(["before", "welcome back"]);
  // Whoever comes into a group reads from there on, and may have kept what was said in an earlier time of theirs.
  expect(read.data?.items.map(({ body }) => body)).toEqual(["welcome back"]);
  const changes = his.events.flatMap(({ kind, data }) => (kind === "member" ? [data] : []));
  expect(changes).toEqual([
    { op: "remove", userId: minh.id },
    { op: "add", role: "member", userId: minh.id },
  ]);
  const seqs = his.events.map(({ seq }) => seq);
  expect(seqs).toEqual(seqs.toSorted((one, other) => one - other));
  expectInOrder(hers);
  expect(his.states).toEqual(["open"]);
});
