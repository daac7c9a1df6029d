import { createClient } from "redis";

import type { Cluster, Instance } from "./instance.ts";
import { openRedisProxy, type RedisProxy } from "./redis_proxy.ts";
import type { TestRedisServer } from "./redis_server.ts";

/** Instances that share one Postgres and one Redis, and come back after they have been ended. */
export interface Fleet extends AsyncDisposable {
  /** Addresses of those that are up. */
  urls: () => string[];
  /** What any of them has logged as an error, which is never right, whatever fails around it. */
  errors: () => string[];
  /** Does one kind of harm; resolves when whatever was ended is up again. */
  harm: (fault: Fault, random: () => number) => Promise<void>;
}

export const FAULTS = [
  "an instance is killed",
  "the subscribers are killed",
  "redis is killed",
  "a subscriber falls silent",
  "everything in redis is deleted",
  "a subscriber is cut off",
  "an instance is stopped",
  "redis is restarted",
  "commands to redis are cut off",
] as const;
export type Fault = (typeof FAULTS)[number];

interface Place {
  proxy: RedisProxy;
  instance: Instance | undefined;
}

/** Names that the connections of the product give themselves. */
const SUBSCRIBER = "frm-ai-bus";
const COMMANDS = "frm-ai-commands";
const MAX_DOWN_MS = 500;
const BACK_WITHIN_MS = 20_000;
const RETRY_MS = 50;

export async function openFleet(
  cluster: Cluster,
  redis: TestRedisServer,
  size: number,
): Promise<Fleet> {
  const past: string[] = [];
  const start = async (proxy: RedisProxy) => {
    const env = { REDIS_URL: proxy.url, ROLE: "api,socket,relay", LOG_LEVEL: "warn" };
    return await cluster.start(env);
  };
  const places: Place[] = await Promise.all(
    Array.from({ length: size }, async () => {
      const proxy = openRedisProxy(redis.url.href);
      return { proxy, instance: await start(proxy) };
    }),
  );
  async function replace(place: Place, end: "kill" | "stop", random: () => number): Promise<void> {
    const { instance } = place;
    place.instance = undefined;
    await instance?.[end]();
    if (instance) past.push(...errorsOf(instance));
    await Bun.sleep(random() * MAX_DOWN_MS);
    place.instance = await start(place.proxy);
  }
  const acts: Record<Fault, (place: Place, random: () => number) => Promise<unknown>> = {
    "an instance is killed": (place, random) => replace(place, "kill", random),
    "an instance is stopped": (place, random) => replace(place, "stop", random),
    "redis is killed": () => killRedis(redis),
    "redis is restarted": async (_, random) => {
      await redis.stop();
      await Bun.sleep(random() * MAX_DOWN_MS);
      await redis.start();
    },
    "the subscribers are killed": () => command(redis, ["CLIENT", "KILL", "TYPE", "pubsub"]),
    "everything in redis is deleted": () => command(redis, ["FLUSHALL"]),
    "a subscriber is cut off": async ({ proxy }) => proxy.cut(SUBSCRIBER),
    "a subscriber falls silent": async ({ proxy }) => proxy.silence(SUBSCRIBER),
    "commands to redis are cut off": async ({ proxy }) => proxy.cut(COMMANDS),
  };
  return {
    urls: () => places.flatMap(({ instance }) => instance?.url ?? []),
    errors: () => [
      ...past,
      ...places.flatMap(({ instance }) => (instance ? errorsOf(instance) : [])),
    ],
    harm: async (fault, random) => {
      const place = places[Math.floor(random() * places.length)];
      if (place) await acts[fault](place, random);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(places.map(async ({ instance }) => await instance?.kill()));
      for (const { proxy } of places) proxy[Symbol.dispose]();
    },
  };
}

function errorsOf({ log }: Instance): string[] {
  return log()
    .split("\n")
    .filter((line) => line.includes('"level":"error"'));
}

/** One command, as soon as Redis is back from what was done to it before. */
async function command(redis: TestRedisServer, args: string[]): Promise<unknown> {
  const deadline = performance.now() + BACK_WITHIN_MS;
  for (;;) {
    try {
      return await attempt(redis, args);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await Bun.sleep(RETRY_MS);
    }
  }
}

async function attempt(redis: TestRedisServer, args: string[]): Promise<unknown> {
  const path = decodeURIComponent(redis.url.pathname);
  const client = createClient({ socket: { path, tls: false, reconnectStrategy: false } });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await client.sendCommand(args);
  } finally {
    client.destroy();
  }
}

/** Whoever runs it starts it again. */
async function killRedis(redis: TestRedisServer): Promise<void> {
  const info = String(await command(redis, ["INFO", "server"]));
  process.kill(Number(/process_id:(\d+)/.exec(info)?.[1]), "SIGKILL");
}
