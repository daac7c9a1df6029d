import { authenticateSocket, isSessionAlive, listAliveSessions } from "../../src/app.ts";
import { readConfig } from "../../src/platform/config.ts";
import { createLifecycle } from "../../src/platform/lifecycle.ts";
import { type Opened, openPlatform } from "../../src/platform/open.ts";
import { createChannelSource, createFrameHandlers, TOPIC_KINDS } from "../../src/socket.ts";
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
      authenticate: authenticateSocket,
      isAlive: isSessionAlive,
      listAlive: listAliveSessions,
    },
  });
  return { ...opened, [Symbol.asyncDispose]: () => lifecycle.stop() };
}
