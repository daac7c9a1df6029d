import { expect, test } from "bun:test";

import type { Bus } from "../../../src/platform/realtime/bus.ts";
import { createHub } from "../../../src/platform/realtime/hub.ts";
import { quietConnection } from "../../support/connection.ts";
import { silentLog } from "../../support/database.ts";

const IDS = { userId: Bun.randomUUIDv7(), sessionId: Bun.randomUUIDv7() };

/** A bus that confirms a subscription only when it is told to, and loses all before that. */
function openSlowBus() {
  const confirmed = Promise.withResolvers<void>();
  const bus: Bus = {
    publish: async () => undefined,
    subscribe: () => confirmed.promise,
    unsubscribe: async () => undefined,
    onMessage: () => undefined,
    onRecovered: () => undefined,
    isReady: () => true,
  };
  return { bus, confirm: confirmed.resolve };
}

/** Attaches a socket whose session may end while the node does not hear of it yet. */
async function attachWhile(happening: (state: { isAlive: boolean }) => void): Promise<string[]> {
  const { bus, confirm } = openSlowBus();
  const state = { isAlive: true };
  const told: string[] = [];
  const hub = createHub({
    bus,
    source: {
      listMemberships: async () => [],
      findMembership: async () => undefined,
      listEvents: async () => [],
      listTops: async () => new Map(),
    },
    publish: () => undefined,
    isAlive: async () => state.isAlive,
    log: silentLog,
  });
  const connection = quietConnection({
    ...IDS,
    close: (code, reason) => told.push(`${code} ${reason}`),
  });
  const attaching = hub.attach(connection, () => told.push("greeted"));
  happening(state);
  confirm();
  await attaching;
  hub.detach(connection);
  hub.close();
  return told;
}

test("a session that ends between its check and the first word of its end on this node keeps no socket", async () => {
  const told = await attachWhile((state) => (state.isAlive = false));
  expect(told).toEqual(["greeted", "4401 session_revoked"]);
});

test("a session that goes on keeps its socket", async () => {
  expect(await attachWhile(() => undefined)).toEqual(["greeted"]);
});

/** A hub with one socket in it, and a source that knows one channel of theirs. */
async function openHub() {
  const { bus, confirm } = openSlowBus();
  confirm();
  const published: string[] = [];
  const sent: string[] = [];
  const own = `u:${IDS.userId}`;
  const hub = createHub({
    bus,
    source: {
      listMemberships: async () =>
        ["c:1", own].map((channel) => ({ channel, seq: 4, changedAt: 0, joinedSeq: 1 })),
      findMembership: async () => undefined,
      listEvents: async () => [],
      listTops: async () => new Map(),
    },
    publish: (channel, frame) => void published.push(`${channel} ${frame}`),
    isAlive: async () => true,
    log: silentLog,
  });
  const joined: string[] = [];
  const connection = quietConnection({
    ...IDS,
    send: (text) => void sent.push(text),
    join: (channel) => void joined.push(channel),
    close: (code, reason) => void sent.push(`${code} ${reason}`),
  });
  const greeted = Promise.withResolvers<[string[], number]>();
  await hub.attach(connection, (memberships, ownSeq) =>
    greeted.resolve([memberships.map(({ channel, seq }) => `${channel} ${seq}`), ownSeq]),
  );
  return { hub, own, connection, published, sent, joined, greeted: await greeted.promise };
}

test("a user's own channel has positions like any other, and its control messages beside them", async () => {
  const { hub, own, connection, published, sent, joined, greeted } = await openHub();
  expect(greeted).toEqual([["c:1 4"], 4]);
  expect(joined).toEqual([own, "c:1"]);
  for (const text of ['6||{"n":6}', '5||{"n":5}', '{"op":"nonsense"}', '5||{"n":5}'])
    hub.receive({ channel: own, text });
  expect(published).toEqual([`${own} {"n":5}`, `${own} {"n":6}`]);
  expect(hub.positionOf(connection, own)).toBe(6);
  hub.receive({ channel: own, text: JSON.stringify({ op: "renew" }) });
  expect(sent).toEqual(["4000 rights_changed"]);
  hub.detach(connection);
  expect([hub.membersOf(own).size, hub.socketsOf(IDS.userId).size]).toEqual([0, 0]);
  hub.close();
});

test("notes and routed channels reach their receivers alone, and never move a position", async () => {
  const { hub, connection, published } = await openHub();
  const heard: string[] = [];
  hub.onNote((channel, note) => void heard.push(`note ${channel} ${note}`));
  hub.route("ticker", (channel, text) => void heard.push(`ticker ${channel} ${text}`));
  hub.receive({ channel: "c:1", text: '~{"t":"eph"}' });
  hub.receive({ channel: "ticker:VNM", text: '5||{"n":5}' });
  expect(heard).toEqual(['note c:1 {"t":"eph"}', 'ticker ticker:VNM 5||{"n":5}']);
  expect([published, hub.positionOf(connection, "c:1")]).toEqual([[], 4]);
  expect([...hub.membersOf("c:1")]).toEqual([connection]);
  hub.detach(connection);
  hub.close();
});
