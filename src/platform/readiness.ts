import { sql } from "drizzle-orm";

import type { Database } from "./database.ts";
import type { Redis } from "./redis.ts";

/** healthy: everything works; degraded: what does not need Redis works; unhealthy: send the traffic elsewhere. */
export interface Readiness {
  status: "healthy" | "degraded" | "unhealthy";
  checks: { database: boolean; redis: boolean; accepting: boolean };
}

export interface ReadinessCheck {
  check(): Promise<Readiness>;
  /** Until this is called the instance is starting, and so not ready. */
  begin(): void;
  /** From now on balancers are told to send nothing more. */
  end(): void;
}

const CACHE_MS = 1_000;
const TIMEOUT_MS = 2_000;

/** Asks Postgres and Redis for real, at most once a second however often it is asked. */
export function createReadiness(platform: { db: Database; redis: Redis }): ReadinessCheck {
  let accepting = false;
  let latest: { at: number; result: Promise<{ database: boolean; redis: boolean }> } | undefined;

  async function probe(): Promise<{ database: boolean; redis: boolean }> {
    const [database, redis] = await Promise.all([
      succeeds(
        platform.db.run({ role: "public" }, (tx) => tx.execute(sql`select 1`), {
          timeoutMs: TIMEOUT_MS,
        }),
      ),
      succeeds(platform.redis.run("check Redis", (client) => client.ping())),
    ]);
    return { database, redis };
  }
  return {
    begin: () => void (accepting = true),
    end: () => void (accepting = false),
    check: async () => {
      const now = performance.now();
      if (!latest || now - latest.at > CACHE_MS) latest = { at: now, result: probe() };
      const { database, redis } = await latest.result;
      const status = !accepting || !database ? "unhealthy" : redis ? "healthy" : "degraded";
      return { status, checks: { database, redis, accepting } };
    },
  };
}

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch {
    return false;
  }
}
