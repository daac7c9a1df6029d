import { afterAll, beforeAll, expect, test } from "bun:test";

import { authenticateSocket } from "../../../src/features/realtime/mod.ts";
import type { Opened } from "../../../src/platform/open.ts";
import { createResume } from "../../../src/platform/realtime/resume.ts";
import { createWindow } from "../../../src/platform/realtime/window.ts";
import { createChannelSource } from "../../../src/socket.ts";
import { call, converse, type Person, sessionOf, signUp } from "../../support/client.ts";
import { quietConnection } from "../../support/connection.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { openNode } from "../../support/platform.ts";

const CONVERSATIONS = 8;
const MESSAGES = 5;

let cluster: Cluster;
let instance: Instance;
beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  instance = await cluster.start();
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** Somebody who has missed some messages in each of some conversations. */
async function openAway() {
  const [lan, minh] = [await signUp(instance.url), await signUp(instance.url)];
  const conversations: string[] = [];
  for (let count = 0; count < CONVERSATIONS; count += 1) {
    const group = { kind: "group", name: `Group ${count}`, memberIds: [minh.id] };
    conversations.push(await converse(instance.url, lan.token, group));
  }
  for (const id of conversations)
    for (let count = 0; count < MESSAGES; count += 1)
      await call("POST", `${instance.url}/v1/conversations/${id}/messages`, {
        token: lan.token,
        body: { clientId: crypto.randomUUID(), body: `Tin ${count}` },
      });
  return { minh, conversations };
}

/** Comes to a node as a client does that reconnects: token, hello, and one sync for each conversation. */
async function comeBack({ platform, hub }: Opened, person: Person, conversations: string[]) {
  await authenticateSocket(platform, { token: person.token, origin: undefined });
  const ids = { userId: person.id, sessionId: sessionOf(person.token) };
  const connection = quietConnection({ id: Bun.randomUUIDv7(), ...ids });
  await hub.attach(connection, () => undefined);
  const resume = createResume({
    hub: () => hub,
    window: createWindow(platform),
    source: createChannelSource(platform),
  });
  const asked = conversations.map((id, i) => ({ t: "sync", i, ch: `c:${id}`, from: 1 }));
  const replies = await resume.handle(asked, connection);
  hub.detach(connection);
  return replies.map(
    (reply) => (JSON.parse(String(reply as string)) as { ev: unknown[] }).ev.length,
  );
}

/** Counts what is asked of Postgres from now on; the session is known, as it is to the request for the ticket. */
async function countStatements(
  { platform }: Opened,
  { token }: Person,
): Promise<{ count: number }> {
  await authenticateSocket(platform, { token, origin: undefined });
  const { db } = platform;
  const counter = { count: 0 };
  const run = db.run.bind(db);
  db.run = (...args: Parameters<typeof run>) => {
    counter.count += 1;
    return run(...args) as never;
  };
  return counter;
}

const all = Array.from({ length: CONVERSATIONS }, () => MESSAGES);

test("who comes back to a node that knows nothing of them costs one statement, whatever they have missed", async () => {
  const { minh, conversations } = await openAway();
  await using node = await openNode(cluster);
  const counter = await countStatements(node, minh);
  expect(await comeBack(node, minh, conversations)).toEqual(all);
  expect(counter.count).toBe(1);
  // A second time the node still follows the channels.
  expect(await comeBack(node, minh, conversations)).toEqual(all);
  expect(counter.count).toBe(2);
});

test("where Redis has lost everything, all that was missed is one more statement", async () => {
  const { minh, conversations } = await openAway();
  await using node = await openNode(cluster);
  const { redis, keys } = node.platform;
  await redis.client.del(conversations.map((id) => keys.window(`c:${id}`)));
  const counter = await countStatements(node, minh);
  expect(await comeBack(node, minh, conversations)).toEqual(all);
  expect(counter.count).toBe(2);
});
