import { expect, test } from "bun:test";

import { openHubStage, quietBus } from "../../support/hub_stage.ts";

const LAN = Bun.randomUUIDv7();
const OWN = `u:${LAN}`;

/** Attaches a socket whose session may end while the node does not hear of it yet. */
async function attachWhile(happening: (state: { isAlive: boolean }) => void): Promise<string[]> {
  const confirmed = Promise.withResolvers<void>();
  const state = { isAlive: true };
  const bus = quietBus({ subscribe: () => confirmed.promise });
  using stage = openHubStage({ bus, isAlive: async () => state.isAlive });
  const attaching = stage.attach(LAN);
  happening(state);
  confirmed.resolve();
  return (await attaching).got;
}

test("a session that ends between its check and the first word of its end on this node keeps no socket", async () => {
  const told = await attachWhile((state) => (state.isAlive = false));
  expect(told).toEqual(["hello", "close 4401"]);
});

test("a session that goes on keeps its socket", async () => {
  expect(await attachWhile(() => undefined)).toEqual(["hello"]);
});

/** A hub with one socket in it, in a channel that stands at 4. */
async function openStage() {
  const stage = openHubStage();
  for (const channel of ["c:1", OWN]) {
    for (let count = 0; count < 4; count += 1) stage.append(channel);
    stage.admit(LAN, channel);
  }
  return { stage, socket: await stage.attach(LAN) };
}

test("a user's own channel has positions like any other, and its control messages beside them", async () => {
  const { stage, socket } = await openStage();
  using _stage = stage;
  for (const text of ['6||{"n":6}', '5||{"n":5}', '{"op":"nonsense"}', '5||{"n":5}'])
    stage.hub.receive({ channel: OWN, text });
  expect(socket.got).toEqual(["hello", '{"n":5}', '{"n":6}']);
  expect(stage.hub.positionOf(socket.connection, OWN)).toBe(6);
  expect(stage.hub.positionOf(socket.connection, "u")).toBe(6);
  stage.hub.receive({ channel: OWN, text: JSON.stringify({ op: "renew" }) });
  expect(socket.got.at(-1)).toBe("close 4000");
  stage.hub.detach(socket.connection);
  expect([stage.hub.membersOf(OWN).size, stage.hub.socketsOf(LAN).size]).toEqual([0, 0]);
});

test("notes and routed channels reach their receivers alone, and never move a position", async () => {
  const { stage, socket } = await openStage();
  using _stage = stage;
  const { hub } = stage;
  const heard: string[] = [];
  hub.onNote((channel, note) => void heard.push(`note ${channel} ${note}`));
  hub.route("ticker", (channel, text) => void heard.push(`ticker ${channel} ${text}`));
  hub.receive({ channel: "c:1", text: '~{"t":"eph"}' });
  hub.receive({ channel: "ticker:VNM", text: '5||{"n":5}' });
  expect(heard).toEqual(['note c:1 {"t":"eph"}', 'ticker ticker:VNM 5||{"n":5}']);
  expect([socket.got, hub.positionOf(socket.connection, "c:1")]).toEqual([["hello"], 4]);
  expect([...hub.membersOf("c:1")]).toEqual([socket.connection]);
});
