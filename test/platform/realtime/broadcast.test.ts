import { expect, test } from "bun:test";

import {
  createBroadcast,
  MAX_FRAMES,
  MAX_LENGTH,
} from "../../../src/platform/realtime/broadcast.ts";

type Sent = [channel: string, text: string];

function open() {
  const sent: Sent[] = [];
  const broadcast = createBroadcast((channel, text) => sent.push([channel, text]));
  return { broadcast, sent };
}

test("what comes in one go for a channel is one text in its order, and a single frame stays as it is", async () => {
  const { broadcast, sent } = open();
  broadcast.publish("c:1", '{"n":1}');
  broadcast.publish("c:2", '{"n":2}');
  broadcast.publish("c:1", '{"n":3}');
  expect(sent).toEqual([]);
  await Promise.resolve();
  expect(sent).toEqual([
    ["c:1", '[{"n":1},{"n":3}]'],
    ["c:2", '{"n":2}'],
  ]);
  broadcast.publish("c:1", '{"n":4}');
  await Promise.resolve();
  expect(sent.slice(2)).toEqual([["c:1", '{"n":4}']]);
});

test("a flush sends at once, and nothing is sent a second time", async () => {
  const { broadcast, sent } = open();
  broadcast.publish("c:1", "{}");
  broadcast.flush();
  expect(sent).toEqual([["c:1", "{}"]]);
  broadcast.flush();
  await Promise.resolve();
  expect(sent).toHaveLength(1);
});

test("no text has more frames or is longer than it may be, unless a single frame is", async () => {
  const { broadcast, sent } = open();
  const frames = Array.from({ length: MAX_FRAMES * 2 + 1 }, (_, n) => ({ n }));
  for (const frame of frames) broadcast.publish("c:1", JSON.stringify(frame));
  const long = { long: "x".repeat(MAX_LENGTH) };
  broadcast.publish("c:1", JSON.stringify(long));
  broadcast.publish("c:1", '{"last":true}');
  await Promise.resolve();
  const read = sent.map(([, text]) => JSON.parse(text) as object);
  expect(read.flat()).toEqual([...frames, long, { last: true }]);
  for (const [, text] of sent)
    expect(text.length <= MAX_LENGTH + MAX_FRAMES + 1 || text.startsWith('{"long"')).toBe(true);
  for (const value of read) if (Array.isArray(value)) expect(value.length <= MAX_FRAMES).toBe(true);
});
