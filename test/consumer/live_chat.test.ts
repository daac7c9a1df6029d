import { afterAll, beforeAll, expect, test } from "bun:test";

import {
  type Chat,
  createApi,
  createMemoryOutbox,
  createSocket,
  createTicketSource,
  messagesOf,
  openChat,
} from "../../src/client/mod.ts";
import { converse, type Person, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { until } from "../support/poll.ts";

const PATIENCE_MS = 30_000;
const SETUP_LIMIT_MS = 60_000;
/** An address at which nobody answers. */
const NOWHERE = "http://127.0.0.1:9";

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
}, SETUP_LIMIT_MS);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
}, SETUP_LIMIT_MS);

interface Device extends Disposable {
  chat: Chat;
  socket: ReturnType<typeof createSocket>;
}

/** An app of somebody's, whose addresses may change while it runs. */
function openDevice({ id: userId, token }: Person, url: () => string): Device {
  const api = createApi(second.url, { token: () => token });
  const ticket = createTicketSource(createApi(first.url, { token: () => token }));
  const outbox = createMemoryOutbox();
  const socket = createSocket({ url, ticket, outbox, backoffMs: () => 20 });
  const chat = openChat({ api, socket, userId });
  return {
    chat,
    socket,
    [Symbol.dispose]: () => {
      chat.close();
      socket.close();
    },
  };
}

function bodiesOf({ chat }: Device, id: string): string[] {
  return messagesOf(chat.state, id).map(({ body }) => body);
}

test(
  "a chat that is opened while others talk shows everything once, in order, whatever came first",
  async () => {
    const [lan, minh] = [await signUp(first.url), await signUp(first.url)];
    const id = await converse(first.url, lan.token, { kind: "direct", userId: minh.id });
    using hers = openDevice(lan, () => first.url);
    const bodies = Array.from({ length: 120 }, (_, index) => `n ${index}`);
    let sent = 0;
    const sending = Promise.all(
      bodies.map(async (body) => {
        await hers.socket.send({ conversationId: id, body });
        sent += 1;
      }),
    );
    const devices: Device[] = [];
    while (devices.length < 4) {
      const his = openDevice(minh, () => second.url);
      devices.push(his);
      await his.chat.open(id);
      await until("some more", () => sent >= devices.length * 20, PATIENCE_MS);
    }
    await sending;
    for (const device of devices) {
      await until("the last one", () => bodiesOf(device, id).at(-1) === "n 119", PATIENCE_MS);
      const shown = bodiesOf(device, id);
      expect(shown).toEqual(bodies.slice(-shown.length));
      // What was said before the page was opened comes page by page.
      while (bodiesOf(device, id).length < bodies.length) {
        const before = bodiesOf(device, id).length;
        await device.chat.older(id);
        expect(bodiesOf(device, id).length).toBeGreaterThan(before);
      }
      expect(bodiesOf(device, id)).toEqual(bodies);
      device[Symbol.dispose]();
    }
  },
  SETUP_LIMIT_MS,
);

test(
  "what one writes shows at once, waits while there is no connection, and stands where everybody sees it",
  async () => {
    const [lan, minh] = [await signUp(first.url), await signUp(first.url)];
    const id = await converse(first.url, lan.token, { kind: "direct", userId: minh.id });
    let address = first.url;
    using hers = openDevice(lan, () => address);
    using his = openDevice(minh, () => second.url);
    await Promise.all([hers.chat.open(id), his.chat.open(id)]);
    await until("the sockets", () => hers.socket.state === "open" && his.socket.state === "open");
    address = NOWHERE;
    const doomed = hers.socket.send({ conversationId: id, body: "one" });
    expect(messagesOf(hers.chat.state, id)).toMatchObject([{ body: "one", pending: "waiting" }]);
    await doomed;
    // A device whose socket goes nowhere at all.
    using cut = openDevice(lan, () => NOWHERE);
    await cut.chat.open(id);
    const late = cut.socket.send({ conversationId: id, body: "two" }).catch(() => undefined);
    await his.socket.send({ conversationId: id, body: "three" });
    await until("what came and what waits", () => bodiesOf(cut, id).includes("two"));
    expect(messagesOf(cut.chat.state, id).at(-1)).toMatchObject({
      body: "two",
      pending: "waiting",
    });
    cut.socket.close();
    await late;
    await until("his view", () => bodiesOf(his, id).length === 2, PATIENCE_MS);
    expect(bodiesOf(his, id)).toEqual(["one", "three"]);
  },
  SETUP_LIMIT_MS,
);

test(
  "a conversation that somebody is brought into appears, and one that they are taken out of goes",
  async () => {
    const [lan, minh] = [await signUp(first.url), await signUp(first.url)];
    using his = openDevice(minh, () => second.url);
    await until("the socket", () => his.socket.state === "open");
    const group = { kind: "group", name: "VN30", memberIds: [minh.id] };
    const id = await converse(first.url, lan.token, group);
    const api = createApi(first.url, { token: () => lan.token });
    const post = (body: string) =>
      api.v1.conversations({ id }).messages.post({ clientId: crypto.randomUUID(), body });
    await post("Chào");
    await until(
      "the conversation",
      () => his.chat.state.conversations[id] !== undefined,
      PATIENCE_MS,
    );
    await his.chat.open(id);
    expect(bodiesOf(his, id)).toEqual(["Chào"]);
    await api.v1.conversations({ id }).members({ userId: minh.id }).delete();
    await until("its end", () => his.chat.state.conversations[id] === undefined, PATIENCE_MS);
    await post("Không có anh");
    await api.v1.conversations({ id }).members({ userId: minh.id }).put();
    await post("Chào lại");
    await until("its return", () => his.chat.state.conversations[id] !== undefined, PATIENCE_MS);
    await his.chat.open(id);
    await until("what is said there", () => bodiesOf(his, id).includes("Chào lại"), PATIENCE_MS);
    expect(bodiesOf(his, id)).toEqual(["Chào lại"]);
  },
  SETUP_LIMIT_MS,
);
