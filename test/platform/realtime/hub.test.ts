import { expect, test } from "bun:test";

import type { Bus } from "../../../src/platform/realtime/bus.ts";
import type { Connection } from "../../../src/platform/realtime/connection.ts";
import { createHub } from "../../../src/platform/realtime/hub.ts";
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
  const connection: Connection = {
    id: "socket",
    ...IDS,
    send: () => undefined,
    join: () => undefined,
    leave: () => undefined,
    close: (code, reason) => told.push(`${code} ${reason}`),
  };
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
