import { authenticateSocket, isSessionAlive, listAliveSessions } from "../../src/app.ts";
import { readConfig } from "../../src/platform/config.ts";
import { createLifecycle } from "../../src/platform/lifecycle.ts";
import { type Opened, openPlatform } from "../../src/platform/open.ts";
import { openRedis } from "../../src/platform/redis.ts";
import {
  createChannelSource,
  createFrameHandlers,
  createSocketParts,
  TOPIC_KINDS,
} from "../../src/socket.ts";
import { silentLog } from "./database.ts";
import type { Cluster } from "./instance.ts";
import { testServices } from "./services.ts";

const STOP_MS = 5_000;

/** A node of the cluster within the test's own process: it has a platform, but no port and no sockets. */
export async function openNode(cluster: Cluster): Promise<Opened & AsyncDisposable> {
  const lifecycle = createLifecycle(silentLog, STOP_MS);
  const { redisUrl } = await testServices();
  const opened = await openPlatform({
    config: await readConfig({ REDIS_PREFIX: cluster.redisPrefix, DATA_DIR: cluster.dataDir }),
    log: silentLog,
    now: () => new Date(),
    databaseUrl: cluster.database.url,
    redisUrl: new URL(redisUrl),
    lifecycle,
    publish: () => undefined,
    features: {
      source: createChannelSource,
      handlers: createFrameHandlers,
      topics: TOPIC_KINDS,
      parts: createSocketParts,
      authenticate: authenticateSocket,
      isAlive: isSessionAlive,
      listAlive: listAliveSessions,
    },
  });
  return { ...opened, [Symbol.asyncDispose]: () => lifecycle.stop() };
}

/** Deletes every key of the cluster, as a Redis would that lost them. */
export async function wipeRedis({ redisPrefix }: Cluster): Promise<void> {
  const { redisUrl } = await testServices();
  const redis = await openRedis({ url: new URL(redisUrl), log: silentLog, name: "wipe" });
  for await (const keys of redis.client.scanIterator({ MATCH: `${redisPrefix}:*`, COUNT: 1_000 }))
    if (keys.length > 0) await redis.client.del(keys);
  await redis.close();
}
