import type { ChannelSource } from "./source.ts";

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
    listEvents: async (channel, range) =>
      (await sources.get(kindOf(channel))?.listEvents(channel, range)) ?? [],
    listTops: async (channels) => {
      const groups = [...Map.groupBy(channels, kindOf)];
      const tops = groups.map(async ([kind, names]) => await sources.get(kind)?.listTops(names));
      return new Map((await Promise.all(tops)).flatMap((found) => [...(found ?? [])]));
    },
  };
}
