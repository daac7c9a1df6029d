import type { Config } from "./config.ts";
import type { Cursors } from "./cursors.ts";
import type { Database } from "./database.ts";
import type { Keys } from "./keys.ts";
import type { Log } from "./log.ts";
import type { Mailer } from "./mail/mailer.ts";
import type { Outbox } from "./outbox.ts";
import type { JobRelay } from "./queue/relay.ts";
import type { EphemeralPublisher } from "./realtime/ephemeral.ts";
import type { SendLimiter } from "./realtime/sends.ts";
import type { TopicPublisher } from "./realtime/topic_values.ts";
import type { Redis } from "./redis.ts";
import type { Throttle } from "./throttle.ts";
import type { Tokens } from "./tokens.ts";
import type { WorkerConfig } from "./worker_config.ts";

/** What every service may use, in whichever process it runs. */
interface Common {
  log: Log;
  /** The one clock; tests set it. */
  now: () => Date;
  db: Database;
  redis: Redis;
  keys: Keys;
  throttle: Throttle;
  /** Tells the sockets that follow a topic what it holds now. */
  topics: TopicPublisher;
}

/** What a service behind a request or a frame may use. It is passed on as the first argument and never reached for. */
export interface Platform extends Common {
  config: Config;
  tokens: Tokens;
  cursors: Cursors;
  outbox: Outbox;
  /** Tells what is only of the moment, and may be lost. */
  ephemeral: EphemeralPublisher;
  /** Asked before anything that reaches others, whichever door it came through. */
  sends: SendLimiter;
  /** The same for what makes the database read much. */
  searches: SendLimiter;
  /** Woken after a commit that enqueued something. */
  jobs: Pick<JobRelay, "wake">;
  /** New for every life of a process, so that nothing of a former life is taken for this one's. */
  nodeId: string;
}

/** What a service behind a job may use: it signs nothing and serves nobody, but it writes to people. */
export interface WorkerPlatform extends Common {
  config: WorkerConfig;
  mailer: Mailer;
}
