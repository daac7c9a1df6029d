/**
 * A server that tells whoever started it what it holds at the moment. It is the product but for its entry point: the
 * product itself tells nobody.
 */
import { heapStats } from "bun:jsc";

import { authenticateSocket, createApp, isSessionAlive, listAliveSessions } from "../../src/app.ts";
import { readConfig } from "../../src/platform/config.ts";
import { createLifecycle } from "../../src/platform/lifecycle.ts";
import { openPlatform } from "../../src/platform/open.ts";
import {
  createChannelSource,
  createFrameHandlers,
  createSocketParts,
  TOPIC_KINDS,
} from "../../src/socket.ts";
import { silentLog } from "./database.ts";
import type { Gauges } from "./gauges.ts";

let publish = (_channel: string, _frame: string): void => undefined;
const { platform, readiness, gateway, hub } = await openPlatform({
  config: await readConfig(process.env),
  log: silentLog,
  now: () => new Date(),
  databaseUrl: new URL(process.env["DATABASE_URL"] ?? ""),
  redisUrl: new URL(process.env["REDIS_URL"] ?? ""),
  lifecycle: createLifecycle(silentLog, 5_000),
  publish: (channel, frame) => publish(channel, frame),
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
const app = createApp(platform, { readiness, gateway });
const options = { port: 0, websocket: gateway.handler };
app.listen(options as Parameters<typeof app.listen>[0]);
const { server } = app;
if (!server) throw new Error("Cannot listen");
publish = (channel, frame) => void server.publish(channel, frame, false);
readiness.begin();

process.on("message", () => {
  Bun.gc(true);
  const held: Gauges = {
    gateway: { ...gateway.gauges() },
    hub: { ...hub.gauges() },
    objects: heapStats().objectCount,
    rssBytes: process.memoryUsage.rss(),
  };
  process.send?.(held);
});
process.send?.({ url: `http://127.0.0.1:${server.port}` });
