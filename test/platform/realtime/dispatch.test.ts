import { expect, test } from "bun:test";

import { Type } from "@sinclair/typebox/type";

import { AppError, NotFound } from "../../../src/platform/errors.ts";
import type { Connection } from "../../../src/platform/realtime/connection.ts";
import {
  createDispatch,
  onFrame,
  onFrames,
  type Reply,
} from "../../../src/platform/realtime/dispatch.ts";
import type { Waiting } from "../../../src/platform/realtime/frames.ts";
import type { Json } from "../../../src/platform/text.ts";

const Put = Type.Object({ t: Type.Literal("put"), to: Type.String(), n: Type.Number() });
const Get = Type.Object({
  t: Type.Literal("get"),
  n: Type.Number(),
  i: Type.Optional(Type.Number()),
});
const Peek = Type.Object({ t: Type.Literal("peek"), n: Type.Number() });

function frames(...list: Json[]): Waiting[] {
  return list.map((frame) => ({ frame }));
}
const put = (to: string, n: number) => ({ t: "put", to, n });

/** Handles a line and tells which frames were handled together, and what was answered. */
async function run(line: Waiting[], isOpen: (groups: number[][]) => boolean = () => true) {
  const groups: number[][] = [];
  const replies: Reply[] = [];
  /** How many replies went together, of each message; negative where they may not be one text. */
  const texts: number[] = [];
  const errors: unknown[] = [];
  const dispatch = createDispatch({
    put: onFrames({
      schema: Put,
      key: ({ to }) => to,
      handle: async (group) => {
        groups.push(group.map(({ n }) => n));
        if (group.some(({ to }) => to === "nowhere")) throw new AppError(NotFound, "Cannot put");
        return group.map(({ n }) => ({ put: n }));
      },
    }),
    get: onFrame(Get, async ({ n }) => {
      groups.push([n]);
      return n === 0 ? undefined : { got: n };
    }),
    peek: { ...onFrame(Peek, async ({ n }) => ({ peeked: n })), isInstant: true },
  });
  await dispatch(line, {
    connection: {} as Connection,
    reply: (list, { isBatch }) => {
      replies.push(...list);
      texts.push(isBatch ? list.length : -list.length);
    },
    isOpen: () => isOpen(groups),
    onError: (error) => void errors.push(error),
  });
  return { groups, replies, texts, errors };
}

test("only neighbours with one key are handled together, and replies keep the order of the line", async () => {
  const get = { t: "get", n: 4 };
  const line = frames(put("a", 1), put("a", 2), put("b", 3), get, put("b", 5), put("a", 6));
  const { groups, replies } = await run(line);
  expect(groups).toEqual([[1, 2], [3], [4], [5], [6]]);
  expect(replies).toEqual([{ put: 1 }, { put: 2 }, { put: 3 }, { got: 4 }, { put: 5 }, { put: 6 }]);
});

test("frames without a key are handled alone, and a group has a bound", async () => {
  const gets = frames({ t: "get", n: 0 }, { t: "get", n: 1 });
  expect((await run(gets)).groups).toEqual([[0], [1]]);
  const many = frames(...Array.from({ length: 130 }, (_, n) => put("a", n)));
  const { groups, replies } = await run(many);
  expect(groups.map((group) => group.length)).toEqual([128, 2]);
  expect(replies).toHaveLength(130);
});

test("a bad frame is refused in its place and spoils none beside it", async () => {
  const line: Waiting[] = [
    ...frames(put("a", 1), { t: "put", to: "a", n: "x", i: 7 }, put("a", 2)),
    { error: new SyntaxError("not JSON") },
    ...frames({ t: "nonsense", i: 8 }, "text", put("a", 3)),
  ];
  const { groups, replies, errors } = await run(line);
  expect(groups).toEqual([[1], [2], [3]]);
  expect(
    replies.map((reply) => (typeof reply === "object" && "m" in reply ? reply.m : "put")),
  ).toEqual([
    "put",
    "validation_failed",
    "put",
    "malformed_json",
    "unknown_frame",
    "unknown_frame",
    "put",
  ]);
  expect(replies[1]).toMatchObject({ t: "err", i: 7 });
  expect(errors).toHaveLength(4);
});

test("what a handler throws refuses each frame of its group, and no other group", async () => {
  const line = frames({ ...put("nowhere", 1), i: 1 }, { ...put("nowhere", 2), i: 2 }, put("a", 3));
  const { replies } = await run(line);
  expect(replies).toEqual([
    expect.objectContaining({ t: "err", i: 1, m: "not_found" }),
    expect.objectContaining({ t: "err", i: 2, m: "not_found" }),
    { put: 3 },
  ]);
});

test("nothing behind the end of a socket is handled", async () => {
  const line = frames(put("a", 1), put("b", 2), put("c", 3));
  const { groups, replies } = await run(line, (done) => done.length < 2);
  expect(groups).toEqual([[1], [2]]);
  expect(replies).toEqual([{ put: 1 }, { put: 2 }]);
});

test("a frame with a number and nothing to be said about is answered by ok, and one without is not", async () => {
  const line = frames({ t: "get", n: 0, i: 5 }, { t: "get", n: 0 }, { t: "get", n: 1, i: 6 });
  expect((await run(line)).replies).toEqual([{ t: "ok", i: 5 }, { got: 1 }]);
});

test("the replies to a batch go together, except across a frame that somebody else has to be asked about", async () => {
  const peek = (n: number) => ({ t: "peek", n });
  const list = [peek(1), peek(2), put("a", 3), put("a", 4), peek(5), "text", put("b", 6), peek(7)];
  const batch = frames(...list).map((waiting) => ({ ...waiting, isBatched: true }));
  const { replies, texts } = await run(batch);
  expect(replies).toHaveLength(8);
  expect(texts).toEqual([2, 4, 2]);
  expect((await run(frames(...list))).texts).toEqual([-1, -1, -2, -1, -1, -1, -1]);
  const mixed = [...batch.slice(2, 4), ...frames(put("a", 8), peek(9))];
  expect((await run(mixed)).texts).toEqual([-3, -1]);
});
