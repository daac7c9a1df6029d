import { afterAll, beforeAll, expect, test } from "bun:test";

import { call, converse, type Person, signUp } from "../../support/client.ts";
import { type Cluster, type Instance, openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";

/** Processes start slowly where others are at work. */
const START_MS = 90_000;
const INDEX_MS = 60_000;

let cluster: Cluster;
let server: Instance;
let lan: Person;

beforeAll(async () => {
  cluster = await openCluster({ worker: false });
  server = await cluster.start({ LIMITS_SCALE: "1000" });
  lan = await signUp(server.url, "Lan");
}, START_MS);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const open = () => converse(server.url, lan.token, { kind: "group", name: "VN30", memberIds: [] });

async function send(conversationId: string, body: string): Promise<string> {
  const url = `${server.url}/v1/conversations/${conversationId}/messages`;
  const sent = await call("POST", url, {
    token: lan.token,
    body: { clientId: crypto.randomUUID(), body },
  });
  expect(sent.status).toBe(201);
  return `${url}/${String(sent.body["seq"])}`;
}
async function find(conversationId: string, q: string): Promise<string[]> {
  const query = new URLSearchParams({ q, conversationId }).toString();
  const { body } = await call("GET", `${server.url}/v1/conversations/search?${query}`, {
    token: lan.token,
  });
  return (body["items"] as { message: { body: string } }[]).map(({ message }) => message.body);
}
/** The words that the index has of a conversation, without what stands before each. */
async function indexed(conversationId: string): Promise<string[]> {
  const rows = await cluster.database.sql<{ word: string }[]>`
    select substr(unnest(tsvector_to_array(words)), 8) as word from app.message_words
    where conversation_id = ${conversationId} order by 1`;
  return rows.map(({ word }) => word);
}
const untilIndexed = (conversationId: string, words: string[]) =>
  until(
    `the words ${words.join(" ")}`,
    async () => Bun.deepEquals(await indexed(conversationId), words),
    INDEX_MS,
  );
async function isWaiting(): Promise<boolean> {
  const [row] = await cluster.database.sql`
    select from pg_stat_activity where wait_event_type = 'Lock' and query like '%index_message%'`;
  return row !== undefined;
}

test(
  "what was said is found at once, and the same when it has come into the index",
  async () => {
    const conversationId = await open();
    await send(conversationId, "mua Hòa Phát");
    await send(conversationId, "bán Hòa Bình");
    const before = await find(conversationId, "hoa");
    expect(before).toEqual(["bán Hòa Bình", "mua Hòa Phát"]);
    await untilIndexed(conversationId, ["ban", "binh", "hoa", "hoa", "mua", "phat"]);
    expect(await find(conversationId, "hoa")).toEqual(before);
    await send(conversationId, "giữ Hòa Phát");
    expect(await find(conversationId, "hoa phat")).toEqual(["giữ Hòa Phát", "mua Hòa Phát"]);
  },
  2 * INDEX_MS,
);

test(
  "of a message in the index that is changed or deleted, nothing of what it said is left there",
  async () => {
    const conversationId = await open();
    const changed = await send(conversationId, "alpha");
    const deleted = await send(conversationId, "beta");
    await untilIndexed(conversationId, ["alpha", "beta"]);
    await call("PATCH", changed, { token: lan.token, body: { body: "gamma", rev: 0 } });
    expect(await indexed(conversationId)).toEqual(["beta", "gamma"]);
    expect(await find(conversationId, "gamma")).toEqual(["gamma"]);
    expect(await find(conversationId, "alpha")).toEqual([]);
    await call("DELETE", deleted, { token: lan.token });
    expect(await indexed(conversationId)).toEqual(["gamma"]);
    expect(await find(conversationId, "beta")).toEqual([]);
  },
  2 * INDEX_MS,
);

test(
  "a change that is made while the index is being made is in it, and the old words are not",
  async () => {
    const conversationId = await open();
    await send(conversationId, "first");
    await untilIndexed(conversationId, ["first"]);
    const holder = await cluster.database.sql.reserve();
    await holder.unsafe("begin").simple();
    await holder`select from app.search_states where conversation_id = ${conversationId} for update`;
    const message = await send(conversationId, "old");
    const change = call("PATCH", message, { token: lan.token, body: { body: "new", rev: 0 } });
    // As the index is made of the message before the change is committed, which waits for it.
    await until("the change to wait", isWaiting, INDEX_MS);
    await holder`
      insert into app.message_words select conversation_id, seq, id, created_at, app.search_terms(conversation_id, body)
      from app.messages where conversation_id = ${conversationId} and body = 'old'`;
    await holder`
      update app.search_states set indexed_seq = (
        select max(seq) from app.messages where conversation_id = ${conversationId}
      ) where conversation_id = ${conversationId}`;
    await holder.unsafe("commit").simple();
    holder.release();
    expect((await change).status).toBe(200);
    expect(await indexed(conversationId)).toEqual(["first", "new"]);
    expect(await find(conversationId, "old")).toEqual([]);
    // What was passed over because somebody was at it is not forgotten.
    await send(conversationId, "third");
    await untilIndexed(conversationId, ["first", "new", "third"]);
  },
  2 * INDEX_MS,
);
