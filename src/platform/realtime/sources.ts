import type { ChannelSource, ReadRange } from "./source.ts";

/** Makes one source of those of several kinds of channels, by what stands before the colon of a channel's name. */
export function joinSources(byKind: Record<string, ChannelSource>): ChannelSource {
  const sources = new Map(Object.entries(byKind));
  const kindOf = (channel: string) => channel.slice(0, channel.indexOf(":"));

  return {
    listMemberships: async (userId, limit) => {
      const lists = [...sources.values()].map((source) => source.listMemberships(userId, limit));
      return (await Promise.all(lists)).flat();
    },
    findMembership: async (userId, channel) =>
      await sources.get(kindOf(channel))?.findMembership(userId, channel),
    listChannels: async (userIds) => {
      const all = new Map<string, Set<string>>();
      for (const found of await Promise.all(
        [...sources.values()].map((source) => source.listChannels(userIds)),
      ))
        for (const [userId, names] of found)
          all.set(userId, new Set([...(all.get(userId) ?? []), ...names]));
      return all;
    },
    readRanges: async (userId, ranges) => {
      const found: (ReadRange | undefined)[] = ranges.map(() => undefined);
      const places = ranges.map((range, at) => ({ range, at }));
      const groups = [...Map.groupBy(places, ({ range }) => kindOf(range.channel))];
      await Promise.all(
        groups.map(async ([kind, some]) => {
          const asked = some.map(({ range }) => range);
          const read = await sources.get(kind)?.readRanges(userId, asked);
          for (const [index, { at }] of some.entries()) found[at] = read?.[index];
        }),
      );
      return found;
    },
    listEvents: async (channel, range) =>
      (await sources.get(kindOf(channel))?.listEvents(channel, range)) ?? [],
    listTops: async (channels) => {
      const groups = [...Map.groupBy(channels, kindOf)];
      const tops = groups.map(async ([kind, names]) => await sources.get(kind)?.listTops(names));
      return new Map((await Promise.all(tops)).flatMap((found) => [...(found ?? [])]));
    },
    conceal: (channel, frame) => sources.get(kindOf(channel))?.conceal(channel, frame) ?? frame,
  };
}
