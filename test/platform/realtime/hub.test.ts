import { expect, test } from "bun:test";

import { encodeEvent } from "../../../src/platform/realtime/source.ts";
import { eventAt, openHubStage, quietBus } from "../../support/hub_stage.ts";
import { until } from "../../support/poll.ts";

const LAN = Bun.randomUUIDv7();
const OWN = `u:${LAN}`;
const MINH = Bun.randomUUIDv7();

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

/** Ends each test of what must be nothing when everybody has gone. */
const NOTHING = {
  users: 0,
  sockets: 0,
  readings: 0,
  channels: 0,
  held: 0,
  size: 0,
  timers: 0,
  subscriptions: 0,
};

test("what a hub holds goes back to nothing when everybody has gone", async () => {
  const wanted = new Set<string>();
  const bus = quietBus({
    subscribe: async (names) => names.forEach((name) => wanted.add(name)),
    unsubscribe: async (names) => names.forEach((name) => wanted.delete(name)),
    subscriptions: () => wanted.size,
  });
  using stage = openHubStage({ bus, releaseDelayMs: 20 });
  for (let turn = 0; turn < 50; turn += 1) {
    const userId = Bun.randomUUIDv7();
    stage.admit(userId, "c:all");
    stage.admit(userId, `c:${turn}`);
    const sockets = await Promise.all([stage.attach(userId), stage.attach(userId)]);
    for (const name of ["c:all", `c:${turn}`])
      stage.hub.receive({ channel: name, text: encodeEvent(stage.append(name)) });
    // One that is ahead of its turn, and waits for ever.
    stage.hub.receive({ channel: "c:all", text: encodeEvent(eventAt(1_000 + turn)) });
    for (const { connection } of sockets) stage.hub.detach(connection);
  }
  expect(stage.hub.gauges().channels).toBeGreaterThan(0);
  // Somebody who leaves while they are brought into a channel, and one whose hello fails half way.
  stage.admit(LAN, "c:late");
  const { connection } = await stage.attach(LAN);
  stage.admit(LAN, "c:later");
  const join = JSON.stringify({ op: "join", channel: "c:later" });
  stage.hub.receive({ channel: OWN, text: join });
  stage.hub.detach(connection);
  const broken = stage.breakSource();
  expect(await stage.attach(MINH).catch((error: unknown) => error)).toBeInstanceOf(Error);
  broken.mend();
  await until("nothing left", () => Bun.deepEquals(stage.hub.gauges(), NOTHING));
});

test("after a time in which messages were lost, all users are asked about in one statement each of sessions and memberships", async () => {
  const alive = new Set(["kept"]);
  using stage = openHubStage({
    listAlive: async () => {
      stage.calls.push("listAlive");
      return alive;
    },
  });
  for (const userId of [LAN, MINH]) {
    stage.admit(userId, "c:1");
    stage.admit(userId, "c:2");
  }
  const [lan, minh] = [await stage.attach(LAN, "kept"), await stage.attach(MINH, "ended")];
  stage.calls.length = 0;
  // Lan has left one channel and come into another, and the first has moved on.
  stage.truth.members.delete(LAN);
  for (const name of ["c:2", "c:3"]) stage.admit(LAN, name);
  const event = stage.append("c:2");
  stage.recover();
  await until("the repair", () => stage.hub.membersOf("c:3").size === 1);
  await until("the event", () => lan.got.includes(event.frame));
  expect(minh.got).toContain("close 4401");
  expect(stage.hub.membersOf("c:1").has(lan.connection)).toBe(false);
  expect(stage.hub.membersOf("c:2").has(lan.connection)).toBe(true);
  const asked = stage.calls.filter((call) => call.startsWith("listA") || call === "listChannels");
  expect(asked).toEqual(["listAlive", "listChannels"]);
});

test("a member who left while the channel was being entered is not let in", async () => {
  const reading = Promise.withResolvers<void>();
  using stage = openHubStage({
    window: {
      read: async (ranges) => {
        await reading.promise;
        return ranges.map(() => []);
      },
    },
  });
  stage.admit(LAN, "c:1");
  const attaching = stage.attach(LAN);
  await until("the subscription", () => stage.calls.includes("listMemberships"));
  stage.truth.members.clear();
  stage.hub.receive({ channel: "c:1", text: encodeEvent(stage.append("c:1", { leaver: LAN })) });
  stage.hub.receive({ channel: "c:1", text: encodeEvent(stage.append("c:1")) });
  reading.resolve();
  const { got } = await attaching;
  expect([got, stage.hub.membersOf("c:1").size]).toEqual([["hello"], 0]);
});

test("who came or went while memberships were being read is asked about again", async () => {
  using stage = openHubStage();
  stage.admit(LAN, "c:1");
  stage.admit(LAN, "c:2");
  await stage.attach(LAN);
  stage.calls.length = 0;
  stage.truth.members.clear();
  stage.admit(LAN, "c:2");
  // While the first reading is on its way the user comes into a third channel.
  const listChannels = stage.source.listChannels.bind(stage.source);
  const arrived = Promise.withResolvers<void>();
  stage.source.listChannels = async (userIds) => {
    const found = await listChannels(userIds);
    await arrived.promise;
    return found;
  };
  stage.recover();
  await until("the reading", () => stage.calls.includes("listChannels"));
  stage.admit(LAN, "c:3");
  stage.hub.receive({ channel: OWN, text: JSON.stringify({ op: "join", channel: "c:3" }) });
  await until("the third channel", () => stage.hub.membersOf("c:3").size === 1);
  arrived.resolve();
  await until("the removal", () => stage.hub.membersOf("c:1").size === 0);
  expect(stage.hub.membersOf("c:2").size).toBe(1);
  expect(stage.calls.filter((call) => call === "listChannels").length).toBeGreaterThan(1);
});

test("who comes in is told once of what is committed and has not yet reached this node", async () => {
  using stage = openHubStage();
  const hear = (marks = {}) =>
    stage.hub.receive({ channel: "c:1", text: encodeEvent(stage.append("c:1", marks)) });
  stage.admit(MINH, "c:1");
  await stage.attach(MINH);
  const lan = await stage.attach(LAN);
  for (const marks of [{}, {}, {}, { erases: 3 }]) hear(marks);
  stage.admit(LAN, "c:1", { joinedSeq: 2, visibleFrom: 2 });
  const late = stage.append("c:1");
  stage.hub.receive({ channel: OWN, text: JSON.stringify({ op: "join", channel: "c:1" }) });
  await until("somebody more", () => stage.hub.membersOf("c:1").size === 2);
  // What was erased is not at hand, so all was read from where it is kept, with what has not come yet.
  expect(stage.calls).toContain("listEvents");
  stage.hub.receive({ channel: "c:1", text: encodeEvent(late) });
  expect(lan.got).toEqual(["hello", ...[2, 3, 4, 5].map((seq) => eventAt(seq).frame)]);
});
