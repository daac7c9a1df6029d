import { expect, test } from "bun:test";

import type { ChannelSource, Membership } from "../../../src/platform/realtime/source.ts";
import { joinSources } from "../../../src/platform/realtime/sources.ts";

/** A source of which every answer tells that it came from there. */
function sourceOf(kind: string, seq: number): ChannelSource {
  const membership = (channel: string) =>
    ({ channel, seq, changedAt: 0, joinedSeq: 1 }) as Membership;
  return {
    listMemberships: async (userId) => [membership(`${kind}:${userId}`)],
    findMembership: async (_, channel) => membership(channel),
    listEvents: async (channel, { after }) => [{ seq: after + seq, frame: channel }],
    listChannels: async (userIds) => new Map(userIds.map((id) => [id, new Set([`${kind}:${id}`])])),
    readRanges: async (_, ranges) =>
      ranges.map(({ after }) => ({ from: after, events: [], top: seq })),
    listTops: async (channels) => new Map(channels.map((channel) => [channel, seq])),
    conceal: (channel, frame) => `${kind} ${channel} ${frame}`,
  };
}

const source = joinSources({ a: sourceOf("a", 1), b: sourceOf("b", 2) });

test("a channel is asked for where its kind is kept, and lists are put together", async () => {
  const memberships = await source.listMemberships("lan", 10);
  expect(memberships.map(({ channel, seq }) => [channel, seq])).toEqual([
    ["a:lan", 1],
    ["b:lan", 2],
  ]);
  expect((await source.findMembership("lan", "b:x"))?.seq).toBe(2);
  expect(await source.listEvents("b:x", { after: 5, limit: 1 })).toEqual([
    { seq: 7, frame: "b:x" },
  ]);
  const tops = new Map(Object.entries({ "a:1": 1, "a:2": 1, "b:1": 2 }));
  const ranges = ["b:1", "c:1", "a:1"].map((channel, after) => ({ channel, after, limit: 1 }));
  expect(
    (await source.readRanges("lan", ranges)).map((range) => range && [range.from, range.top]),
  ).toEqual([[0, 2], undefined, [2, 1]]);
  expect((await source.listChannels(["lan"])).get("lan")).toEqual(new Set(["a:lan", "b:lan"]));
  expect(await source.listTops(["a:1", "b:1", "a:2"])).toEqual(tops);
  expect(source.conceal("b:1", "x")).toBe("b b:1 x");
});

test("a channel of a kind that nobody keeps has nothing, and is nobody's", async () => {
  expect(await source.findMembership("lan", "c:x")).toBeUndefined();
  expect(await source.listEvents("constructor:x", { after: 0, limit: 1 })).toEqual([]);
  expect((await source.listTops(["c:x", "nothing"])).size).toBe(0);
});
