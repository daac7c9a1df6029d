import type { Keys } from "../keys.ts";
import type { Redis } from "../redis.ts";

/** A connection that brings what is published. */
export interface Wire {
  redis: Redis;
  /** Pub/sub channel that comes over this wire and that nobody else sends to. */
  beats: string;
}

/** The connections over which this node hears, and the commands that go with them. */
export interface Wires {
  list(): Wire[];
  /** The wire that brings a pub/sub channel; undefined while it is not known where that one is. */
  wireOf(name: string): Wire | undefined;
  /** The same names in groups that one command may take. */
  groupsOf(names: string[]): string[][];
  subscribe(wire: Wire, names: string[], listener: WireListener): Promise<void>;
  unsubscribe(wire: Wire, names: string[], listener: WireListener): Promise<void>;
  /** Calls back each time a wire is usable that was not. */
  onReady(listener: (wire: Wire) => void): void;
  close(): Promise<void>;
}

export type WireListener = (text: string, name: string) => void;

/** Names in one command, so that a resubscription of thousands is neither one huge command nor thousands. */
export const BATCH = 512;

/** One Redis, one wire. */
export function createSingleWire(options: {
  subscriber: Redis;
  keys: Keys;
  nodeId: string;
}): Wires {
  const { subscriber, keys, nodeId } = options;
  const wire: Wire = { redis: subscriber, beats: keys.channel(`n:${nodeId}`) };
  return {
    list: () => [wire],
    wireOf: () => wire,
    groupsOf: (names) =>
      Array.from({ length: Math.ceil(names.length / BATCH) }, (_, at) =>
        names.slice(at * BATCH, (at + 1) * BATCH),
      ),
    subscribe: ({ redis }, names, listener) => redis.client.subscribe(names, listener),
    unsubscribe: ({ redis }, names, listener) => redis.client.unsubscribe(names, listener),
    onReady: (listener) => subscriber.onReady(() => listener(wire)),
    close: () => subscriber.close(),
  };
}
