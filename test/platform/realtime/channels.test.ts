import { expect, test } from "bun:test";

import { type ChannelEvent, encodeEvent } from "../../../src/platform/realtime/source.ts";
import { eventAt, openHubStage } from "../../support/hub_stage.ts";
import { until } from "../../support/poll.ts";

const LAN = Bun.randomUUIDv7();

/** A socket in a channel, and a window that has what a test puts there. */
async function openPlace() {
  const kept: ChannelEvent[] = [];
  const stage = openHubStage({
    window: {
      read: async (ranges) => ranges.map(({ after }) => kept.filter(({ seq }) => seq > after)),
    },
  });
  stage.admit(LAN, "c:1");
  const socket = await stage.attach(LAN);
  stage.calls.length = 0;
  return {
    stage,
    kept,
    socket,
    receive: (event: ChannelEvent) =>
      stage.hub.receive({ channel: "c:1", text: encodeEvent(event) }),
    untilHeard: (count: number) => until(`${count} events`, () => socket.got.length === count + 1),
  };
}

test("an event that the bus has lost is read from the window, without a question to Postgres", async () => {
  const { stage, kept, socket, receive, untilHeard } = await openPlace();
  using _stage = stage;
  const events = [1, 2, 3].map(() => stage.append("c:1"));
  kept.push(...events);
  for (const event of [events[0], events[2]]) if (event) receive(event);
  expect(socket.got).toEqual(["hello", '{"seq":1}']);
  await untilHeard(3);
  expect(socket.got.slice(1)).toEqual(events.map(({ frame }) => frame));
  expect(stage.calls).toEqual([]);
});

test("what the window lacks as well is read from Postgres, and nothing is told twice", async () => {
  const { stage, kept, socket, receive, untilHeard } = await openPlace();
  using _stage = stage;
  const events = Array.from({ length: 600 }, () => stage.append("c:1"));
  kept.push(...events.slice(0, 10), ...events.slice(20, 30));
  receive(eventAt(600));
  await untilHeard(600);
  expect(socket.got.slice(1)).toEqual(events.map(({ frame }) => frame));
  expect(new Set(stage.calls)).toEqual(new Set(["listEvents"]));
});

test("what was published between the reading of a position and its subscription is in the window", async () => {
  const { stage, kept } = await openPlace();
  using _stage = stage;
  const minh = Bun.randomUUIDv7();
  stage.admit(minh, "c:2", { seq: 4 });
  kept.push(eventAt(5), eventAt(6));
  const { got, connection } = await stage.attach(minh);
  expect(stage.hub.positionOf(connection, "c:2")).toBe(6);
  expect(got).toEqual(["hello"]);
  expect(stage.calls).toEqual(["listMemberships"]);
});
