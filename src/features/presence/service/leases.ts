import type { Keys } from "../../../platform/keys.ts";
import type { Redis } from "../../../platform/redis.ts";
import { announceStatus, listDead, listLive, renewLease } from "./lease_scripts.ts";

/** What a user's sockets on one instance say. */
export type Present = "online" | "away";
export type Status = Present | "offline";

/** What an announcement found: a change that is the caller's to tell, a time to wait, or nothing new. */
export type Announcement = { status: Status } | { waitMs: number } | undefined;

/**
 * Who is present, as all instances know it through Redis. Each instance keeps a field for each of its users, which
 * counts while its lease runs, so that whoever was on an instance that has vanished is gone when the lease is.
 */
export interface Leases {
  /** Keeps the lease running. @returns true when it begins anew, and every user is to be written again. */
  renew(): Promise<boolean>;
  /** Writes what users are here, or that they are here no longer. */
  write(changes: [userId: string, present: Present | undefined][]): Promise<void>;
  /** Takes users off instances whose lease has run out. @returns some of them; empty when there are no more. */
  reap(): Promise<string[]>;
  read(userIds: string[]): Promise<Map<string, Status>>;
  /** Notes the user's status as told, if it has changed. Of all instances that ask at once, one is given the change. */
  announce(userId: string): Promise<Announcement>;
}

export interface LeasesOptions {
  redis: Redis;
  keys: Keys;
}

const LEASE_MS = 9_000;
/** Between two changes of one user that others are told of. */
const ANNOUNCE_INTERVAL_MS = 5_000;
const REAP_BATCH = 200;
const LIVE_NODES_MS = 1_000;
/** Nobody stays on one instance for so long without a change; it bounds what a lost write could leave behind. */
const USER_LIFE_MS = 30 * 86_400_000;

export function createLeases(options: LeasesOptions): Leases {
  const { redis, keys } = options;
  const nodes = () => keys.presence("nodes");
  let id: string = Bun.randomUUIDv7();
  let isKnown = false;
  let live: { ids: string[]; at: number } = { ids: [], at: Number.NEGATIVE_INFINITY };

  async function liveNodes(): Promise<string[]> {
    const at = performance.now();
    if (at - live.at > LIVE_NODES_MS) {
      const found = await redis.run("list who serves sockets", (client) =>
        listLive(client, { keys: [nodes()], arguments: [String(LEASE_MS)] }),
      );
      live = { ids: found as string[], at };
    }
    return [...new Set([...live.ids, id])];
  }
  async function renewOnce(): Promise<boolean> {
    const added = await redis.run("renew a lease", (client) =>
      renewLease(client, { keys: [nodes()], arguments: [id] }),
    );
    return added === 1;
  }

  return {
    renew: async () => {
      const isAnew = await renewOnce();
      if (!isAnew || !isKnown) {
        isKnown = true;
        return isAnew;
      }
      // Others may still be taking users off the old lease, so what is written anew stands under a new one.
      await redis.run("end a lease", (client) =>
        Promise.all([client.sAdd(keys.presence("dead"), id), client.zRem(nodes(), id)]),
      );
      id = Bun.randomUUIDv7();
      await renewOnce();
      return true;
    },
    write: (changes) => writeAll(options, id, changes),
    reap: () => reap(options),
    read: async (userIds) => {
      const alive = await liveNodes();
      const found = await redis.run("read who is present", (client) =>
        Promise.all(userIds.map((userId) => client.hmGet(keys.presence(userId), alive))),
      );
      return new Map(userIds.map((userId, at) => [userId, bestOf(found[at] ?? [])]));
    },
    announce: async (userId) => {
      const alive = await liveNodes();
      const answer = await redis.run("announce a status", (client) =>
        announceStatus(client, {
          keys: [keys.presence(userId)],
          arguments: [String(ANNOUNCE_INTERVAL_MS), ...alive],
        }),
      );
      const [outcome, value] = answer as string[];
      if (outcome === "wait") return { waitMs: Number(value) };
      return outcome === "told" ? { status: value as Status } : undefined;
    },
  };
}

const shared = new WeakMap<Redis, Leases>();

/** For who only reads: what is known of the living is kept from one question to the next. */
export function sharedLeases(options: LeasesOptions): Leases {
  const leases = shared.get(options.redis) ?? createLeases(options);
  shared.set(options.redis, leases);
  return leases;
}

async function writeAll(
  { redis, keys }: LeasesOptions,
  id: string,
  changes: [userId: string, present: Present | undefined][],
): Promise<void> {
  const list = keys.presence(id);
  await redis.run("write who is present", (client) =>
    Promise.all(
      changes.flatMap(([userId, present]): Promise<unknown>[] => {
        const key = keys.presence(userId);
        if (present === undefined) return [client.hDel(key, id), client.sRem(list, userId)];
        // The list first, so that nobody is left behind who is not on it.
        return [
          client.sAdd(list, userId),
          client.hSet(key, id, present),
          client.pExpire(key, USER_LIFE_MS),
        ];
      }),
    ),
  );
}

async function reap({ redis, keys }: LeasesOptions): Promise<string[]> {
  const [nodes, dead] = [keys.presence("nodes"), keys.presence("dead")];
  const found = await redis.run("look for instances that have vanished", (client) =>
    listDead(client, { keys: [nodes, dead], arguments: [String(LEASE_MS)] }),
  );
  for (const id of found as string[]) {
    const userIds = await redis.run("take users off an instance", async (client) => {
      const taken = await client.sPopCount(keys.presence(id), REAP_BATCH);
      await Promise.all(taken.map((userId) => client.hDel(keys.presence(userId), id)));
      if (taken.length === 0) await client.sRem(dead, id);
      return taken;
    });
    if (userIds.length > 0) return userIds;
  }
  return [];
}

function bestOf(fields: (string | null)[]): Status {
  if (fields.includes("online")) return "online";
  return fields.includes("away") ? "away" : "offline";
}
