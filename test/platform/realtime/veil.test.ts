import { expect, test } from "bun:test";

import { createResume } from "../../../src/platform/realtime/resume.ts";
import { type ChannelEvent, encodeEvent } from "../../../src/platform/realtime/source.ts";
import { veil } from "../../../src/platform/realtime/veil.ts";
import { eventAt, openHubStage, type StageSocket } from "../../support/hub_stage.ts";

const CH = "c:00000000-0000-7000-8000-000000000001";
const HIDDEN = '{"seq":5,"hidden":true}';

/** A channel that Lan has always been in and Hoa sees from position 4 on. */
async function openPlace(window: (after: number) => ChannelEvent[] = () => []) {
  const stage = openHubStage();
  for (let at = 0; at < 4; at += 1) stage.append(CH);
  stage.admit("lan", CH);
  stage.admit("hoa", CH, { joinedSeq: 4, visibleFrom: 4 });
  const sockets = { lan: await stage.attach("lan"), hoa: await stage.attach("hoa") };
  const resume = createResume({
    hub: () => stage.hub,
    source: stage.source,
    window: { read: async (ranges) => ranges.map(({ after }) => window(after)) },
  });
  const sync = async (by: StageSocket, from: number) => {
    const [text] = await resume.handle([{ t: "sync", ch: CH, from }], by.connection);
    return text as string;
  };
  return { stage, sync, ...sockets };
}

test("what changes something from before a member's time says nothing to that member, and all to the others", async () => {
  const { stage, lan, hoa, sync } = await openPlace();
  using _stage = stage;
  stage.hub.receive({ channel: CH, text: encodeEvent(stage.append(CH, { erases: 2 })) });
  stage.hub.receive({ channel: CH, text: encodeEvent(stage.append(CH, { erases: 4 })) });
  expect(lan.got).toEqual(["hello", '{"seq":5}', '{"seq":6}']);
  expect(hoa.got).toEqual(["hello", HIDDEN, '{"seq":6}']);
  expect(await sync(lan, 4)).not.toContain("hidden");
  expect((await sync(hoa, 4)).match(/hidden/g)).toHaveLength(1);
});

test("the same holds for what comes from the window, and for whoever has just come in", async () => {
  const events = [eventAt(4), eventAt(5, { erases: 2 })];
  const { stage, hoa, sync } = await openPlace((after) => events.filter(({ seq }) => seq > after));
  using _stage = stage;
  // What does not fit into the ring is read from the window.
  const large = { erases: 2, frame: `{"seq":5,"pad":"${"x".repeat(70_000)}"}` };
  stage.hub.receive({ channel: CH, text: encodeEvent(stage.append(CH, large)) });
  expect(hoa.got[1]).toEndWith('"hidden":true}');
  expect(await sync(hoa, 3)).toContain(HIDDEN);
  const minh = await stage.attach("minh");
  stage.admit("minh", CH, { joinedSeq: 4, visibleFrom: 4 });
  stage.hub.receive({ channel: "u:minh", text: JSON.stringify({ op: "join", channel: CH }) });
  await Promise.resolve();
  for (let turn = 0; turn < 100 && minh.got.length < 3; turn += 1) await Promise.resolve();
  expect(minh.got.slice(1).map((frame) => frame.endsWith('"hidden":true}'))).toEqual([false, true]);
});

test("an event that erases nothing is everybody's as it is", () => {
  const conceal = () => "never";
  const event = eventAt(9);
  expect(veil(event, { channel: CH, visibleFrom: 99 }, { conceal })).toBe(event);
});
