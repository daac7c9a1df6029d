import type { Config } from "./config.ts";
import { createCursors } from "./cursors.ts";
import { openDatabase } from "./database.ts";
import { loadSigningKeys } from "./dev_keys.ts";
import { createKeys } from "./keys.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Log } from "./log.ts";
import { createOutbox } from "./outbox.ts";
import type { Platform } from "./platform.ts";
import { createJobRelay, type JobRelay } from "./queue/relay.ts";
import { createJobStore, type JobStore } from "./queue/store.ts";
import { createReadiness, type ReadinessCheck } from "./readiness.ts";
import type { Authority, Shown } from "./realtime/authority.ts";
import { createBroadcast } from "./realtime/broadcast.ts";
import { type Bus, type BusMessage, createBus } from "./realtime/bus.ts";
import { openClusterWires } from "./realtime/cluster_wires.ts";
import type { Session } from "./realtime/connection.ts";
import type { FrameHandler, FrameHandlers } from "./realtime/dispatch.ts";
import { createEphemeral, createEphemeralPublisher } from "./realtime/ephemeral.ts";
import { createGateway, type Gateway } from "./realtime/gateway.ts";
import { createHub, type Hub } from "./realtime/hub.ts";
import { scaleLimits } from "./realtime/limits.ts";
import type { SocketPart } from "./realtime/part.ts";
import { createResume } from "./realtime/resume.ts";
import { createSendLimiter } from "./realtime/sends.ts";
import type { ChannelSource } from "./realtime/source.ts";
import { createTopicPublisher } from "./realtime/topic_values.ts";
import { createTopics, type TopicKinds } from "./realtime/topics.ts";
import { createWindow } from "./realtime/window.ts";
import { createSingleWire } from "./realtime/wires.ts";
import { assertRedisIsFit, openRedis } from "./redis.ts";
import { openSharedRedis } from "./redis_cluster.ts";
import { createThrottle } from "./throttle.ts";
import { createTokens } from "./tokens.ts";

/** What the features bring, as functions of the platform that is being opened. */
export interface Features {
  source: (platform: Pick<Platform, "db">) => ChannelSource;
  handlers: (platform: Platform) => FrameHandlers;
  topics: TopicKinds;
  parts: (platform: Platform) => SocketPart[];
  authenticate: (platform: Platform, shown: Shown) => Promise<Authority>;
  isAlive: (platform: Platform, session: Session) => Promise<boolean>;
  /** Those of many sessions that live, by their ids. */
  listAlive: (platform: Platform, sessions: Session[]) => Promise<Set<string>>;
}

export interface OpenOptions {
  config: Config;
  log: Log;
  now: () => Date;
  databaseUrl: URL;
  redisUrl: URL;
  lifecycle: Lifecycle;
  features: Features;
  /** What this process may use; 0 where nobody knows. */
  memoryBytes?: number;
  /** Sends to the local sockets in a channel. */
  publish: (channel: string, frame: string) => void;
}

export interface Opened {
  platform: Platform;
  readiness: ReadinessCheck;
  gateway: Gateway;
  hub: Hub;
  jobRelay: JobRelay;
  storeOf: (queue: string) => JobStore;
}

const POOL_SIZE = 10;

/** Connects everything that a serving process needs. @throws StartError when a service does not answer. */
export async function openPlatform(options: OpenOptions): Promise<Opened> {
  const { config, log, now, lifecycle, features } = options;
  const db = await openDatabase({
    url: options.databaseUrl,
    rolePrefix: config.dbRolePrefix,
    poolSize: POOL_SIZE,
  });
  lifecycle.add("database", () => db.close());
  const nodeId = Bun.randomUUIDv7();
  const { redis, bus, keys, window } = await openBus(options, nodeId);
  const source = features.source({ db });
  const hub = createHub({
    bus,
    source,
    window,
    ...createBroadcast(options.publish),
    isAlive: (session) => features.isAlive(platform, session),
    listAlive: (sessions) => features.listAlive(platform, sessions),
    log,
  });
  bus.onMessage((message) => hub.receive(message));
  lifecycle.add("hub", () => hub.close());
  const deliver = (message: BusMessage) => hub.receive(message);
  const outbox = createOutbox({ db, bus, source, deliver, log });
  lifecycle.add("outbox", () => outbox.settle());
  const storeOf = (queue: string) => createJobStore({ redis, keys, queue });
  const jobRelay = createJobRelay({ db, storeOf, isReady: () => redis.isReady(), log });
  const tokens = createTokens(config.jwtKeys ?? (await loadSigningKeys(db)), now);
  const platform: Platform = {
    config,
    log,
    now,
    db,
    redis,
    keys,
    tokens,
    cursors: createCursors(tokens.derive("cursors")),
    outbox,
    ...openLimiters({ redis, keys, now, scale: config.limitsScale }),
    throttle: createThrottle({ redis, keys, scale: config.limitsScale, now }),
    jobs: jobRelay,
    topics: createTopicPublisher({ redis, keys, bus }),
    ephemeral: createEphemeralPublisher({ bus, deliver }),
    nodeId,
  };
  const resume = createResume({ hub: () => hub, window, source });
  const gateway = openSocketDoor(options, { platform, hub, bus, resume });
  return { platform, readiness: createReadiness({ db, redis }), gateway, hub, jobRelay, storeOf };
}

/** How often each user may do what reaches others, or makes the database read much. */
function openLimiters({
  redis,
  keys,
  now,
  scale,
}: Pick<Platform, "redis" | "keys" | "now"> & { scale: number }): Pick<
  Platform,
  "sends" | "searches"
> {
  const { sends, searches } = scaleLimits(scale);
  return {
    sends: createSendLimiter({ redis, key: (userId) => keys.sends(userId), rate: sends, now }),
    searches: createSendLimiter({
      redis,
      key: (userId) => keys.searches(userId),
      rate: searches,
      now,
    }),
  };
}

interface SocketDoorOptions {
  platform: Platform;
  hub: Hub;
  bus: Bus;
  resume: FrameHandler;
}

function openSocketDoor(
  options: OpenOptions,
  { platform, hub, bus, resume }: SocketDoorOptions,
): Gateway {
  const { lifecycle, features } = options;
  const topics = createTopics({
    ...platform,
    bus,
    kinds: features.topics,
    route: (kind, receive) => hub.route(kind, receive),
    publish: options.publish,
  });
  const ephemeral = createEphemeral({ hub, publish: options.publish });
  const parts = [topics, ephemeral, ...features.parts(platform)];
  for (const part of parts) {
    lifecycle.add("what hangs on sockets", async () => await part.close?.());
    part.start?.();
  }
  const gateway = createGateway({
    ...platform,
    hub: () => hub,
    handlers: { ...features.handlers(platform), sync: resume },
    parts,
    limits: scaleLimits(platform.config.limitsScale),
    ...(options.memoryBytes === undefined ? {} : { memoryBytes: options.memoryBytes }),
    authenticate: (shown) => features.authenticate(platform, shown),
  });
  lifecycle.add("gateway", () => gateway.close());
  return gateway;
}

async function openBus({ config, log, redisUrl, lifecycle }: OpenOptions, nodeId: string) {
  const keys = createKeys(config.redisPrefix);
  const redis = await openSharedRedis({ url: redisUrl, log, name: "commands" });
  lifecycle.add("redis", () => redis.close());
  await assertRedisIsFit(redis, log);
  const window = createWindow({ redis, keys });
  const wires = redis.shards
    ? await openClusterWires({ shards: redis.shards, keys, nodeId, log })
    : createSingleWire({
        subscriber: await openRedis({ url: redisUrl, log, name: "bus" }),
        keys,
        nodeId,
      });
  const bus = createBus({ commands: redis, wires, window, keys, log });
  lifecycle.add("bus", async () => {
    bus.close();
    await wires.close();
  });
  return { redis, keys, window, bus };
}
