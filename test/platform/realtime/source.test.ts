import { expect, test } from "bun:test";

import fc from "fast-check";

import {
  decodeControl,
  decodeEvent,
  decodeNote,
  encodeEvent,
  encodeNote,
} from "../../../src/platform/realtime/source.ts";

test("whatever the frame holds, an event comes back as it went in", () => {
  const events = fc.record(
    {
      seq: fc.integer({ min: 1, max: 999_999_999_999_999 }),
      leaver: fc.uuid(),
      frame: fc.dictionary(fc.string(), fc.string()).map((value) => JSON.stringify(value)),
    },
    { requiredKeys: ["seq", "frame"] },
  );
  fc.assert(
    fc.property(events, (event) => {
      expect(decodeEvent(encodeEvent(event))).toEqual(event);
    }),
    { numRuns: 300, seed: 42 },
  );
});

test("separators and line breaks inside a frame stay inside it", () => {
  const event = { seq: 7, frame: '{"a":"1|2|{}\n|"}' };
  expect(decodeEvent(encodeEvent(event))).toEqual(event);
});

test("a text that we have not written is no event", () => {
  const foreign = ["", "{}", "1|{}", "-1||{}", "1.5||{}", "x||{}", "1|LAN|{}", "1||[]", "1||{"];
  for (const text of [...foreign, `${"9".repeat(16)}||{}`])
    expect([text, decodeEvent(text)]).toEqual([text, undefined]);
});

test("a control message keeps its own fields and no others", () => {
  const join = { op: "join", channel: "c:1" } as const;
  const end = { op: "end", sessionId: "s" } as const;
  expect(decodeControl(JSON.stringify({ ...join, extra: 1 }))).toEqual(join);
  expect(decodeControl(JSON.stringify({ op: "renew", extra: 1 }))).toEqual({ op: "renew" });
  expect(decodeControl(JSON.stringify({ ...end, channel: "c:1" }))).toEqual(end);
});

test("a text that we have not written is no control message", () => {
  const foreign = [
    "",
    "null",
    "1",
    "{",
    '{"op":"drop"}',
    '{"op":"join"}',
    '{"op":"end","sessionId":1}',
  ];
  for (const text of foreign) expect([text, decodeControl(text)]).toEqual([text, undefined]);
});

test("a note is neither an event nor a control message, whatever it says, and comes back as it went in", () => {
  for (const note of ["", '{"op":"renew"}', "1||{}", "~"]) {
    const text = encodeNote(note);
    expect([decodeNote(text), decodeEvent(text), decodeControl(text)]).toEqual([
      note,
      undefined,
      undefined,
    ]);
  }
  expect(decodeNote("1||{}")).toBeUndefined();
});
