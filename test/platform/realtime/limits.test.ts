import { expect, test } from "bun:test";

import { TypeCompiler } from "@sinclair/typebox/compiler";

import { Hello } from "../../../src/platform/realtime/frames.ts";
import { helloReply, readHello } from "../../../src/platform/realtime/hello.ts";
import {
  type Limits,
  MAX_BATCH,
  MAX_CHANNELS_PER_USER,
  MAX_VIOLATIONS,
  MAX_WAITING,
  MAX_WAITING_BYTES,
  scaleLimits,
  VIOLATION_MS,
} from "../../../src/platform/realtime/limits.ts";
import { putInLine, takeLine } from "../../../src/platform/realtime/line.ts";
import { SERVER_FRAMES } from "../../../src/platform/realtime/protocol.ts";
import { newSocketData } from "../../../src/platform/realtime/socket_connection.ts";
import { quietConnection } from "../../support/connection.ts";

const SCALES = [0.01, 0.5, 1, 100, 1_000_000];

test.each(SCALES)("every limit that scales is a real one at %d", (scale) => {
  const { frames, sends, searches, connects, sockets } = scaleLimits(scale);
  for (const { count, perMs, burst } of [frames, sends, searches, connects]) {
    expect(count / perMs).toBeGreaterThan(0);
    expect(burst).toBeGreaterThanOrEqual(1);
    expect(Number.isSafeInteger(burst)).toBe(true);
  }
  expect(sockets).toBeGreaterThanOrEqual(1);
});

test("whole batches fit into a burst of frames, and so does a question for each channel of a user", () => {
  const { frames, sends } = scaleLimits(1);
  expect(frames.burst).toBeGreaterThanOrEqual(MAX_CHANNELS_PER_USER + MAX_BATCH);
  expect(sends.burst).toBeGreaterThanOrEqual(MAX_BATCH);
});

test.each(SCALES)("what hello.ok tells of the limits fits its schema at %d", (scale) => {
  const reply = helloReply({
    connection: quietConnection(),
    hello: { t: "hello", v: 1, tok: "x" },
    memberships: [],
    ownSeq: 0,
    nodeId: "node",
    now: new Date(),
    limits: scaleLimits(scale),
  });
  const schema = SERVER_FRAMES["hello.ok"] ?? Hello;
  expect([...TypeCompiler.Compile(schema).Errors(reply)]).toEqual([]);
  const [count, perMs] = reply.lim.send;
  expect(count / perMs).toBeCloseTo((5 * scale) / 1_000, 6);
});

test("a hello of another version is told apart from what is no hello", () => {
  const read = (frame: object) => readHello(JSON.stringify(frame));
  expect(read({ t: "hello", v: 2, tok: 7, more: {} })).toMatchObject({ code: 4426 });
  for (const frame of [{ t: "hello", v: "2" }, { t: "hb", v: 2 }, { t: "hello", v: 1 }, [], [[]]])
    expect(read(frame)).toMatchObject({ code: 4400 });
  expect(read({ t: "hello", v: 1, tok: "x" })).toEqual({ t: "hello", v: 1, tok: "x" });
});

function openLine() {
  const closed: number[] = [];
  const ws = {
    data: newSocketData(undefined),
    close: (code?: number) => void closed.push(code ?? 0),
  };
  return { ws, closed };
}

test("a line takes so many messages and so many bytes, and one more closes with 4029", () => {
  const many = openLine();
  for (let at = 0; at < MAX_WAITING; at += 1) putInLine(many.ws, "{}");
  expect(many.closed).toEqual([]);
  putInLine(many.ws, "{}");
  expect(many.closed).toEqual([4029]);
  const large = openLine();
  const message = "x".repeat(65_536);
  for (let bytes = 0; bytes < MAX_WAITING_BYTES; bytes += message.length)
    putInLine(large.ws, message);
  expect([large.closed, large.ws.data.lineBytes]).toEqual([[], MAX_WAITING_BYTES]);
  putInLine(large.ws, "x");
  expect(large.closed).toEqual([4029]);
});

const FEW: Limits["frames"] = { count: 1, perMs: 60_000, burst: 3 };

test("each frame of a batch counts, and those beyond the rate are refused in their place", () => {
  const { ws, closed } = openLine();
  putInLine(ws, JSON.stringify([{ i: 1 }, { i: 2 }]));
  putInLine(ws, "no JSON");
  putInLine(ws, JSON.stringify({ i: 4 }));
  const line = takeLine(ws, FEW);
  expect(line.map((waiting) => ("error" in waiting ? String(waiting.error) : "good"))).toEqual([
    "good",
    "good",
    expect.stringContaining("Cannot read a frame"),
    expect.stringContaining("Cannot take more yet"),
  ]);
  expect(line.map(({ frame }) => frame)).toEqual([{ i: 1 }, { i: 2 }, undefined, { i: 4 }]);
  expect([closed, ws.data.line, ws.data.lineBytes]).toEqual([[], undefined, 0]);
});

test("one slip is forgiven however many frames it has; going on without regard closes with 4029", () => {
  const { ws, closed } = openLine();
  const overstep = () => {
    putInLine(ws, "{}");
    takeLine(ws, { ...FEW, burst: 1 });
  };
  for (let count = 0; count < 200; count += 1) overstep();
  expect([closed, ws.data.violations]).toEqual([[], 1]);
  ws.data.violatedAt -= 2 * VIOLATION_MS;
  overstep();
  expect([closed, ws.data.violations]).toEqual([[], 1]);
  for (let again = 2; again <= MAX_VIOLATIONS; again += 1) {
    expect(closed).toEqual([]);
    ws.data.violatedAt -= VIOLATION_MS;
    overstep();
  }
  expect(closed).toEqual([4029]);
});
