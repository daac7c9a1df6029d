import { expect, test } from "bun:test";

import { array, assert, boolean, constantFrom, integer, property, record } from "fast-check";

import { Channels } from "../../src/client/channels.ts";
import type { EventFrame } from "../../src/client/frames.ts";

const CHANNEL = "c:1";

interface Bench {
  channels: Channels;
  delivered: number[];
  resets: number[];
  /** Requests that have no answer yet: their numbers and positions. */
  asked: { number: number; channel: string; from: number }[];
  retries: () => number;
}

function open(): Bench {
  const delivered: number[] = [];
  const resets: number[] = [];
  const asked: Bench["asked"] = [];
  let count = 0;
  let retries = 0;
  const channels = new Channels({
    deliver: ({ seq }) => delivered.push(seq),
    reset: (_, seq) => resets.push(seq),
    ask: (channel, from) => {
      asked.push({ number: (count += 1), channel, from });
      return count;
    },
    retryLater: () => (retries += 1),
  });
  return { channels, delivered, resets, asked, retries: () => retries };
}

function event(seq: number, ch = CHANNEL): EventFrame {
  return { t: "ev", ch, seq, k: "msg.new", d: {} };
}

function page(from: number, to: number, more = false) {
  const ev = Array.from({ length: to - from }, (_, index) => event(from + 1 + index));
  return { t: "sync.ok", to, ev, more } as const;
}

test("whatever is lost, repeated, turned round or cut off, each event is delivered once and in order", () => {
  const step = record({
    kind: constantFrom("deliver", "lose", "repeat", "answer", "reconnect"),
    pick: integer({ min: 0, max: 30 }),
    late: boolean(),
  });
  assert(
    property(array(step, { maxLength: 60 }), (steps) => {
      const { channels, delivered, resets, asked } = open();
      channels.greet({ [CHANNEL]: 0 });
      const late: number[] = [];
      let top = 0;
      const answer = () => {
        const request = asked.shift();
        if (!request) return;
        const to = Math.min(top, request.from + 5);
        channels.answer(request.number, page(request.from, to, to < top));
      };
      const reconnect = () => {
        asked.length = 0;
        late.length = 0;
        channels.disconnect();
        channels.greet({ [CHANNEL]: top });
      };
      for (const { kind, pick, late: hold } of steps) {
        if (kind === "deliver") {
          top += 1;
          if (hold) late.push(top);
          else channels.take(event(top));
        } else if (kind === "lose") top += 1;
        else if (kind === "repeat" && top > 0) channels.take(event(1 + (pick % top)));
        else if (kind === "answer") {
          const next = late.pop();
          if (next === undefined) answer();
          else channels.take(event(next));
        } else if (kind === "reconnect") reconnect();
      }
      channels.compare({ [CHANNEL]: top });
      for (let count = 0; count < 100 && asked.length > 0; count += 1) answer();
      expect(delivered).toEqual(Array.from({ length: top }, (_, index) => index + 1));
      expect(resets).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("events ahead of their turn wait for the missing ones, which are asked for once", () => {
  const { channels, delivered, asked } = open();
  channels.greet({ [CHANNEL]: 3 });
  for (const seq of [4, 7, 8, 7, 6]) channels.take(event(seq));
  expect(delivered).toEqual([4]);
  expect(asked).toEqual([{ number: 1, channel: CHANNEL, from: 4 }]);
  channels.answer(1, page(4, 6));
  expect(delivered).toEqual([4, 5, 6, 7, 8]);
  expect(asked).toHaveLength(1);
});

test("pages are asked for until there are no more", () => {
  const { channels, delivered, asked } = open();
  channels.follow(CHANNEL, 0);
  channels.compare({ [CHANNEL]: 4 });
  channels.answer(1, page(0, 2, true));
  channels.answer(2, page(2, 4, true));
  channels.answer(3, page(4, 5));
  expect(delivered).toEqual([1, 2, 3, 4, 5]);
  expect(asked.map(({ from }) => from)).toEqual([0, 2, 4]);
});

test("a position that is gone from the server is given up after a few pages, and the app is told", () => {
  const { channels, delivered, resets, asked } = open();
  channels.follow(CHANNEL, 1);
  channels.take(event(5));
  for (let count = 1; count <= 3; count += 1) channels.answer(count, page(1, 1));
  expect(asked).toHaveLength(3);
  expect(resets).toEqual([4]);
  expect(delivered).toEqual([5]);
});

test("further behind than is worth replaying, the app is told to read anew and nothing is asked for", () => {
  const { channels, resets, asked, delivered } = open();
  channels.follow(CHANNEL, 1);
  channels.compare({ [CHANNEL]: 100_000 });
  expect([resets, asked]).toEqual([[100_000], []]);
  channels.take(event(100_001));
  expect(delivered).toEqual([100_001]);
});

test("the server may leave out what this user may not see, and may say that it starts anew", () => {
  const { channels, delivered, resets } = open();
  channels.follow(CHANNEL, 1);
  channels.compare({ [CHANNEL]: 9 });
  channels.answer(1, { t: "sync.ok", to: 9, ev: [event(8), event(9)], more: false });
  expect([delivered, resets]).toEqual([[8, 9], []]);
  channels.compare({ [CHANNEL]: 20 });
  channels.answer(2, { t: "sync.ok", reset: true });
  expect([delivered, resets]).toEqual([[8, 9], [20]]);
});

test("a conversation that one may not read is forgotten; a busy server is asked again later", () => {
  const { channels, asked, retries } = open();
  channels.follow(CHANNEL, 1);
  channels.compare({ [CHANNEL]: 2 });
  channels.refuse(1, { t: "err", i: 1, c: 5030, m: "overloaded", retry: true });
  expect([retries(), asked.length]).toEqual([1, 1]);
  channels.pump();
  expect(asked).toHaveLength(2);
  channels.refuse(2, { t: "err", i: 2, c: 4040, m: "not_found", retry: false });
  channels.pump();
  expect([retries(), asked.length]).toEqual([1, 2]);
  expect(channels.positions()).toEqual({});
});

test("what is not known is begun with silently at first, and with a word after that", () => {
  const { channels, resets, asked } = open();
  channels.greet({ [CHANNEL]: 7 });
  expect(resets).toEqual([]);
  channels.disconnect();
  channels.greet({ [CHANNEL]: 7, "c:2": 3 });
  expect(resets).toEqual([3]);
  expect(asked).toEqual([]);
  expect(channels.positions()).toEqual({ [CHANNEL]: 7, "c:2": 3 });
});

test("channels, held events and open requests are bounded", () => {
  const { channels, delivered, asked } = open();
  const many = Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`c:${index}`, 1]));
  channels.greet(many);
  const known = Object.keys(channels.positions());
  expect(known).toHaveLength(500);
  // Those that have been quiet the longest were forgotten.
  expect(known[0]).toBe("c:100");
  channels.compare(Object.fromEntries(known.map((channel) => [channel, 3])));
  expect(asked).toHaveLength(4);
  for (let seq = 3; seq < 3_000; seq += 1) channels.take(event(seq, "c:100"));
  expect(delivered).toEqual([]);
  channels.answer(1, { t: "sync.ok", to: 2, ev: [event(2, "c:100")], more: false });
  // The first thousand were kept, and the rest is asked for when its turn comes.
  expect(delivered).toHaveLength(1_001);
  expect(asked).toHaveLength(5);
});

test("a server that was set back is asked what is so, and is believed", () => {
  const { channels, delivered, resets, asked } = open();
  const own = (seq: number) => event(seq, "u");
  channels.greet({ u: 7 });
  channels.take(own(8));
  channels.greet({ u: 3 });
  expect(asked).toEqual([{ number: 1, channel: "u", from: 8 }]);
  channels.answer(1, { t: "sync.ok", ev: [], to: 3, more: false, reset: true });
  channels.take(own(4));
  expect([delivered, resets, channels.positions()]).toEqual([[8, 4], [3], { u: 4 }]);
  // An instance that is only a moment behind says so, and nothing happens.
  channels.greet({ u: 3 });
  channels.answer(2, { t: "sync.ok", ev: [], to: 4, more: false });
  channels.take(own(5));
  expect([delivered, resets]).toEqual([[8, 4, 5], [3]]);
});
