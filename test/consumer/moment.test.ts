import { afterAll, beforeAll, expect, test } from "bun:test";

import {
  type ChatSocket,
  createApi,
  createSocket,
  createTicketSource,
  type Ephemeral,
  type TopicValue,
} from "../../src/client/mod.ts";
import { converse, type Person, signUp } from "../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../support/instance.ts";
import { until } from "../support/poll.ts";

const PATIENCE_MS = 30_000;
const LIMIT_MS = 60_000;

let cluster: Cluster;
let first: Instance;
let second: Instance;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  [first, second] = await Promise.all([cluster.start(), cluster.start()]);
}, LIMIT_MS);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
}, LIMIT_MS);

async function connect(url: string, { token }: Person): Promise<[ChatSocket, Ephemeral[]]> {
  const api = createApi(url, { token: () => token });
  const socket = createSocket({ url, ticket: createTicketSource(api) });
  const heard: Ephemeral[] = [];
  socket.on("ephemeral", (event) => heard.push(event));
  await until("the socket to open", () => socket.state === "open", PATIENCE_MS);
  return [socket, heard];
}

test(
  "typing and presence reach whoever looks, through the other instance, and nobody else",
  async () => {
    const people = await Promise.all([signUp(first.url), signUp(first.url), signUp(first.url)]);
    const [lan, minh, hoa] = people;
    const memberIds = [minh.id, hoa.id];
    const id = await converse(first.url, lan.token, { kind: "group", name: "VN30", memberIds });
    const [hers] = await connect(first.url, lan);
    using typist = hers;
    const [looking, seen] = await connect(second.url, minh);
    using looker = looking;
    const [elsewhere, unseen] = await connect(second.url, hoa);
    using other = elsewhere;
    looker.focus([id]);
    const typing = (on: boolean) =>
      seen.some((event) => event.kind === "typing" && event.on === on && event.userId === lan.id);
    await until(
      "her typing",
      () => {
        // What is of the moment may be lost, so she goes on.
        typist.type(id, false);
        typist.type(id, true);
        return typing(true);
      },
      PATIENCE_MS,
    );
    typist.type(id, false);
    await until("its end", () => typing(false), PATIENCE_MS);
    // Whoever looks elsewhere hears nothing, but what is sent.
    const events: string[] = [];
    other.on("event", ({ kind }) => events.push(kind));
    await typist.send({ conversationId: id, body: "Chào" });
    await until("the message", () => events.includes("msg.new"), PATIENCE_MS);
    expect(unseen).toEqual([]);
  },
  LIMIT_MS,
);

test(
  "a topic that is there says so, and one that is not for us does not keep it away",
  async () => {
    const [socket] = await connect(second.url, await signUp(first.url));
    using live = socket;
    const refused: (TopicValue | undefined)[] = [];
    const values: (TopicValue | undefined)[] = [];
    live.subscribe("ticker:VNM", (value) => values.push(value));
    live.subscribe("secret:1", (value) => refused.push(value));
    await until("the refusal", () => refused.length > 0, PATIENCE_MS);
    expect(refused).toEqual([undefined]);
    expect(values.filter((value) => value === undefined)).toEqual([]);
    expect(live.state).toBe("open");
  },
  LIMIT_MS,
);
