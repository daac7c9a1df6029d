import { join } from "node:path";

import { openDatabase } from "./database.ts";
import { createKeys } from "./keys.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Log } from "./log.ts";
import { createMailbox } from "./mail/mailbox.ts";
import type { WorkerPlatform } from "./platform.ts";
import { DEFAULT_QUEUE, type JobHandler } from "./queue/definition.ts";
import type { WorkerMessage } from "./queue/messages.ts";
import { createRunner, type Runner, type RunnerLimits } from "./queue/runner.ts";
import { createJobStore } from "./queue/store.ts";
import { createBusPublisher } from "./realtime/bus.ts";
import { createTopicPublisher } from "./realtime/topic_values.ts";
import { openSharedRedis } from "./redis_cluster.ts";
import { createThrottle } from "./throttle.ts";
import type { WorkerConfig } from "./worker_config.ts";

export interface OpenWorkerOptions {
  config: WorkerConfig;
  log: Log;
  now: () => Date;
  lifecycle: Lifecycle;
  /** Under which this thread takes jobs. */
  consumer: string;
  handlers: (platform: WorkerPlatform) => JobHandler[];
  tell: (message: WorkerMessage) => void;
  limits?: Partial<RunnerLimits> | undefined;
}

const POOL_SIZE = 4;

/** Connects what one worker thread needs. @throws StartError when a service does not answer. */
export async function openWorker(options: OpenWorkerOptions): Promise<Runner> {
  const { config, log, now, lifecycle } = options;
  const db = await openDatabase({
    url: config.databaseUrl,
    rolePrefix: config.dbRolePrefix,
    poolSize: POOL_SIZE,
  });
  lifecycle.add("database", () => db.close());
  const redis = await openSharedRedis({ url: config.redisUrl, log, name: "worker" });
  lifecycle.add("redis", () => redis.close());
  const reader = await openSharedRedis({ url: config.redisUrl, log, name: "worker-reader" });
  lifecycle.add("reader", () => reader.close());
  const keys = createKeys(config.redisPrefix);
  const mailer = createMailbox({
    folder: join(config.dataDir, "mailbox"),
    from: config.mailFrom,
    host: config.publicUrl.hostname,
    now,
  });
  const scale = config.limitsScale;
  const throttle = createThrottle({ redis, keys, scale, now, isSharedOnly: true });
  const bus = createBusPublisher({ commands: redis, keys });
  const topics = createTopicPublisher({ redis, keys, bus });
  const platform: WorkerPlatform = { config, log, now, db, redis, keys, throttle, mailer, topics };
  return createRunner({
    store: createJobStore({ redis, keys, queue: DEFAULT_QUEUE }),
    reader,
    handlers: options.handlers(platform),
    consumer: options.consumer,
    log,
    tell: options.tell,
    limits: options.limits,
  });
}
