import { expect, test } from "bun:test";

import type { Reply } from "../../../src/platform/realtime/dispatch.ts";
import { createResume } from "../../../src/platform/realtime/resume.ts";
import { encodeEvent } from "../../../src/platform/realtime/source.ts";
import type { Window } from "../../../src/platform/realtime/window.ts";
import { eventAt, type HubStage, openHubStage, type StageSocket } from "../../support/hub_stage.ts";

const LAN = Bun.randomUUIDv7();
const CH = `c:${Bun.randomUUIDv7()}`;
const OTHER = `c:${Bun.randomUUIDv7()}`;

interface Answer {
  t: string;
  from: number;
  to: number;
  ev: { seq: number }[];
  more: boolean;
  reset?: boolean;
  m?: string;
}

/** A socket in one channel, which has gone through `count` events since. */
async function openPlace(count: number, window: Window["read"] = async (of) => of.map(() => [])) {
  const stage = openHubStage();
  stage.admit(LAN, CH);
  const socket = await stage.attach(LAN);
  for (let at = 0; at < count; at += 1)
    stage.hub.receive({ channel: CH, text: encodeEvent(stage.append(CH)) });
  stage.calls.length = 0;
  const resume = createResume({
    hub: () => stage.hub,
    source: stage.source,
    window: { read: window },
  });
  const sync = async (...asked: { from: number; ch?: string; lim?: number }[]) => {
    const frames = asked.map(({ from, ch = CH, lim }, i) => {
      return { t: "sync", i, ch, from, ...(lim === undefined ? {} : { lim }) };
    });
    const replies = await resume.handle(frames, socket.connection);
    return replies.map(read);
  };
  return { stage, socket, sync };
}

function read(reply: Reply | undefined): Answer {
  if (typeof reply !== "string") throw new Error("Cannot read an answer: it is no text");
  return JSON.parse(reply) as Answer;
}

function shown({ from, to, ev, more }: Answer) {
  return { from, to, count: ev.length, first: ev[0]?.seq, more };
}

test("what the ring has is served without a question to anybody", async () => {
  const { stage, sync } = await openPlace(100);
  using _stage = stage;
  const [near, page, none] = await sync({ from: 90 }, { from: 60, lim: 5 }, { from: 100 });
  expect(near && shown(near)).toEqual({ from: 90, to: 100, count: 10, first: 91, more: false });
  expect(page && shown(page)).toEqual({ from: 60, to: 65, count: 5, first: 61, more: true });
  expect(none && shown(none)).toEqual({
    from: 100,
    to: 100,
    count: 0,
    first: undefined,
    more: false,
  });
  expect(stage.calls).toEqual([]);
});

test("what the ring has lost comes from the window, and never from beyond where this node stands", async () => {
  const events = Array.from({ length: 110 }, (_, at) => eventAt(at + 1));
  const { stage, sync } = await openPlace(100, async (ranges) =>
    ranges.map(({ after, limit }) => events.slice(after, after + limit)),
  );
  using _stage = stage;
  const [all, page] = await sync({ from: 10 }, { from: 10, lim: 20 });
  expect(all && shown(all)).toEqual({ from: 10, to: 100, count: 90, first: 11, more: false });
  expect(page && shown(page)).toEqual({ from: 10, to: 30, count: 20, first: 11, more: true });
  expect(stage.calls).toEqual([]);
});

test("a window with a hole is not believed, and all that is missing is one statement", async () => {
  const events = Array.from({ length: 100 }, (_, at) => eventAt(at + 1));
  const { stage, sync } = await openPlace(100, async (ranges) =>
    ranges.map(({ after }) => events.filter(({ seq }) => seq > after && seq !== 50)),
  );
  using _stage = stage;
  stage.admit(LAN, OTHER);
  for (let at = 0; at < 30; at += 1) stage.append(OTHER);
  const answers = await sync({ from: 10 }, { from: 0 }, { from: 0, ch: OTHER });
  expect(answers.map(({ to }) => to)).toEqual([100, 100, 30]);
  expect(stage.calls).toEqual(["readRanges"]);
});

test("nothing below the first visible position is served, wherever it comes from", async () => {
  const { stage, socket, sync } = await openPlace(0);
  using _stage = stage;
  stage.hub.detach(socket.connection);
  stage.truth.members.clear();
  stage.admit(LAN, CH, { visibleFrom: 21 });
  const again: StageSocket = await stage.attach(LAN);
  for (let at = 0; at < 30; at += 1)
    stage.hub.receive({ channel: CH, text: encodeEvent(stage.append(CH)) });
  const resume = createResume({
    hub: () => stage.hub,
    source: stage.source,
    window: { read: async (ranges) => ranges.map(({ after }) => [eventAt(after + 1)]) },
  });
  const [text] = await resume.handle([{ t: "sync", ch: CH, from: 3 }], again.connection);
  const answer = read(text);
  expect(shown(answer)).toEqual({ from: 20, to: 30, count: 10, first: 21, more: false });
  expect((await sync({ from: 3 }))[0]?.from).toBe(20);
});

test("too much, or a position that the channel has never had, is told as a reset", async () => {
  const { stage, sync } = await openPlace(30);
  using _stage = stage;
  const [ahead] = await sync({ from: 99 });
  expect(ahead).toMatchObject({ reset: true, to: 30, ev: [], more: false });
  openFarAhead(stage);
  const [far] = await sync({ from: 0 });
  expect(far).toMatchObject({ reset: true, to: 20_030, ev: [], more: false });
});

function openFarAhead(stage: HubStage): void {
  for (let at = 0; at < 20_000; at += 1)
    stage.hub.receive({ channel: CH, text: encodeEvent(stage.append(CH)) });
}

test("who is not in a channel is refused, alone, and so is who has just left it", async () => {
  const { stage, socket, sync } = await openPlace(10);
  using _stage = stage;
  const [good, foreign] = await sync({ from: 5 }, { from: 0, ch: OTHER });
  expect([good?.to, foreign?.t, foreign?.m]).toEqual([10, "err", "not_found"]);
  stage.truth.members.clear();
  stage.hub.receive({ channel: CH, text: encodeEvent(stage.append(CH, { leaver: LAN })) });
  stage.hub.receive({ channel: CH, text: encodeEvent(stage.append(CH)) });
  expect((await sync({ from: 5 })).map(({ m }) => m)).toEqual(["not_found"]);
  expect(socket.got.at(-1)).toContain('"seq":11');
});

test("answers that come together stay below what a socket may have waiting, and go on from where they ended", async () => {
  const { stage, socket } = await openPlace(0);
  using _stage = stage;
  const frame = `{"x":"${"x".repeat(5_000)}"}`;
  for (let at = 0; at < 200; at += 1) stage.append(CH, { frame });
  const resume = createResume({
    hub: () => stage.hub,
    source: stage.source,
    window: { read: async (ranges) => ranges.map(() => []) },
  });
  const asked = Array.from({ length: 10 }, (_, i) => ({ t: "sync", i, ch: OTHER, from: 0 }));
  stage.admit(LAN, OTHER);
  for (let at = 0; at < 200; at += 1) stage.append(OTHER, { frame });
  const replies = await resume.handle(asked, socket.connection);
  const size = replies.reduce<number>((sum, reply) => sum + JSON.stringify(reply).length, 0);
  expect(size).toBeLessThan(300_000);
  const [first, ...rest] = replies.map(read);
  expect([first?.to, first?.more]).toEqual([first?.ev.length ?? 0, true]);
  for (const answer of rest.slice(1)) expect([answer.to, answer.more]).toEqual([0, true]);
});
