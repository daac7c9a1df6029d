import type { Config } from "./config.ts";
import type { Cursors } from "./cursors.ts";
import type { Database } from "./database.ts";
import type { Keys } from "./keys.ts";
import type { Log } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import type { Redis } from "./redis.ts";
import type { Tokens } from "./tokens.ts";

/** What every service may use. It is passed on as the first argument and never reached for. */
export interface Platform {
  config: Config;
  log: Log;
  /** The one clock; tests set it. */
  now: () => Date;
  db: Database;
  redis: Redis;
  keys: Keys;
  tokens: Tokens;
  cursors: Cursors;
  outbox: Outbox;
  /** New for every life of a process, so that nothing of a former life is taken for this one's. */
  nodeId: string;
}
