import type { Keys } from "../keys.ts";
import type { Log } from "../log.ts";
import type { Shards } from "../redis.ts";
import { BATCH, type Wire, type Wires } from "./wires.ts";

export interface ClusterWiresOptions {
  shards: Shards;
  keys: Keys;
  nodeId: string;
  log: Log;
}

/** How often the map of the cluster is compared with the wires: a master may have moved or changed. */
const LOOK_MS = 1_000;
/** Names that are tried until one belongs to a given master; with a few dozen masters some tens are enough. */
const MAX_TRIES = 10_000;
/** Of the partitions that the channels are in, which is all that matters of the slots. */
const PARTITIONS = 128;

/**
 * One wire to each master of a Redis Cluster. What is published to a shard stays there, so that more masters carry more
 * messages, where plain pub/sub would bring every message to every node.
 */
export async function openClusterWires(options: ClusterWiresOptions): Promise<Wires> {
  const { shards, keys, nodeId, log } = options;
  const wires = new Map<string, Wire>();
  const listeners: ((wire: Wire) => void)[] = [];
  const probes = probesOf(keys);
  let map = "";
  let looking: Promise<void> | undefined;

  function tell(wire: Wire): void {
    for (const listener of listeners) listener(wire);
  }
  async function open(address: string): Promise<void> {
    const redis = await shards.open(address, "bus");
    const wire: Wire = { redis, beats: beatsOf(address) };
    wires.set(address, wire);
    redis.onReady(() => tell(wire));
  }
  /** A channel of this node's own that belongs to that master. */
  function beatsOf(address: string): string {
    for (let count = 0; count < MAX_TRIES; count += 1) {
      const name = keys.channel(`n:${nodeId}:${count}`);
      if (shards.addressOf(name) === address) return name;
    }
    throw new Error(`Cannot hear from "${address}": it has none of our channels`);
  }
  /** Makes the wires those of the present masters; where a channel has moved, all are subscribed to anew. */
  async function look(): Promise<void> {
    const present = [...new Set(probes.flatMap((name) => shards.addressOf(name) ?? []))];
    const found = probes.map((name) => shards.addressOf(name)).join();
    if (found === map || present.length === 0) return;
    const fresh = present.filter((address) => !wires.has(address));
    await Promise.all(fresh.map(open));
    for (const [address, { redis }] of wires)
      if (!present.includes(address)) {
        wires.delete(address);
        await redis.close();
      }
    for (const [address, wire] of wires) wire.beats = beatsOf(address);
    map = found;
    for (const wire of wires.values()) tell(wire);
  }
  await look();
  const timer = setInterval(() => {
    looking ??= look()
      .catch((error: unknown) => log.warn("cannot follow the cluster", { error }))
      .finally(() => (looking = undefined));
  }, LOOK_MS);

  return {
    list: () => [...wires.values()],
    wireOf: (name) => wires.get(shards.addressOf(name) ?? ""),
    // One command takes only names of one slot, and a partition is in one.
    groupsOf: (names) =>
      [...Map.groupBy(names, tagOf).values()].flatMap((group) =>
        Array.from({ length: Math.ceil(group.length / BATCH) }, (_, at) =>
          group.slice(at * BATCH, (at + 1) * BATCH),
        ),
      ),
    subscribe: ({ redis }, names, listener) => redis.client.sSubscribe(names, listener),
    unsubscribe: ({ redis }, names, listener) => redis.client.sUnsubscribe(names, listener),
    onReady: (listener) => void listeners.push(listener),
    close: async () => {
      clearInterval(timer);
      await looking;
      await Promise.all([...wires.values()].map(({ redis }) => redis.close()));
    },
  };
}

/** One channel of each partition. */
function probesOf(keys: Keys): string[] {
  const probes = new Map<string, string>();
  for (let count = 0; probes.size < PARTITIONS && count < MAX_TRIES; count += 1) {
    const name = keys.channel(`c:${count}`);
    probes.set(tagOf(name), name);
  }
  return [...probes.values()];
}

function tagOf(name: string): string {
  return name.slice(name.indexOf("{"), name.indexOf("}"));
}
