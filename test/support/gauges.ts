import { join } from "node:path";

import type { Cluster } from "./instance.ts";
import { testServices } from "./services.ts";

/** What a server holds at the moment. */
export interface Gauges {
  gateway: Record<string, number>;
  hub: Record<string, number>;
  /** Objects of JavaScript. */
  objects: number;
  rssBytes: number;
}

/** A server in a process of its own, which tells what it holds. */
export interface GaugedServer extends AsyncDisposable {
  url: string;
  /** After its garbage was collected. */
  read: () => Promise<Gauges>;
}

/**
 * How much more is held in the end, in objects and as a share of the memory. The memory that a process has goes up and
 * down by a tenth as the collector likes, so it has grown only when it never comes down to what it was.
 */
export function growthOf(warm: Gauges[], after: Gauges[]): { objects: number; memory: number } {
  const most = (key: "objects" | "rssBytes", list: Gauges[]) =>
    Math.max(...list.map((held) => held[key]));
  const least = (key: "objects" | "rssBytes", list: Gauges[]) =>
    Math.min(...list.map((held) => held[key]));
  return {
    objects: least("objects", after.slice(-2)) - most("objects", warm),
    memory: least("rssBytes", after) / most("rssBytes", warm) - 1,
  };
}

const ANSWER_TIMEOUT_MS = 20_000;

export async function startGaugedServer(cluster: Cluster): Promise<GaugedServer> {
  const { redisUrl } = await testServices();
  const waiting: ((message: unknown) => void)[] = [];
  const next = async () => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    waiting.push(resolve);
    const late = () => reject(new Error("Cannot read the gauges: no answer came"));
    const timer = setTimeout(late, ANSWER_TIMEOUT_MS);
    return await promise.finally(() => clearTimeout(timer));
  };
  const started = next();
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "gauged_server.ts")], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: process.env["HOME"] ?? "",
      DATABASE_URL: cluster.database.url.href,
      REDIS_URL: redisUrl,
      REDIS_PREFIX: cluster.redisPrefix,
      DATA_DIR: cluster.dataDir,
      LIMITS_SCALE: "1000000",
    },
    stdout: "ignore",
    stderr: "inherit",
    ipc: (message) => waiting.shift()?.(message),
  });
  const { url } = (await started) as { url: string };
  return {
    url,
    read: async () => {
      const answer = next();
      child.send("gauges");
      return (await answer) as Gauges;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
