import { type Static, Type } from "@sinclair/typebox";
import { sql } from "drizzle-orm";

import { AppError, DependencyUnavailable, Overloaded } from "../../src/platform/errors.ts";
import type { WorkerPlatform } from "../../src/platform/platform.ts";
import {
  defineJob,
  handle,
  type JobContext,
  type JobHandler,
  JobRefused,
} from "../../src/platform/queue/definition.ts";
import { serveJobs } from "../../src/platform/queue/thread.ts";
import { pause } from "../../src/platform/time.ts";

declare const self: Worker;

const LIMIT_MS = 20_000;
const STEP_MS = 10;
const ABORT_GRACE_MS = 150;
const UNKNOWN_DELAY_MS = 60_000;
const DEFERRAL_MS = 20;
/** More than the attempts that a job of the tests has. */
const TIMES_AWAY = 5;
const patience = { maxAttempts: 3, backoffMs: 10 };

const payload = Type.Object({ mark: Type.Optional(Type.String()) });
type Payload = Static<typeof payload>;
type Act = (payload: Payload, context: JobContext) => Promise<void>;

/** Never resolves, and heeds no signal. */
function hang(): Promise<void> {
  return Promise.withResolvers<void>().promise;
}

function block(): never {
  for (;;);
}

/** Everything that a handler may do to its worker. */
function actions(platform: WorkerPlatform): Record<string, Act> {
  const place = `${platform.config.redisPrefix}:{test}:`;
  const { client } = platform.redis;
  /** What the test reads. */
  const record = async (text: string, { id, attempt }: JobContext) =>
    void (await client.rPush(`${place}seen`, JSON.stringify({ id, attempt, text })));
  /** Throws in turn what stands for a service that is away and for one that is too slow. */
  const findAway = (times: number): never => {
    throw new AppError(times % 2 === 0 ? DependencyUnavailable : Overloaded, "Cannot go on");
  };
  return {
    succeeds: (_payload, context) => record("done", context),
    fails_twice: async (_payload, context) => {
      if (context.attempt < 3) throw new TypeError(`no ${context.attempt}`);
      await record("done", context);
    },
    fails: async (_payload, context) => {
      throw new TypeError(`no ${context.attempt}`);
    },
    throws_null: async () => {
      const nothing: unknown = null;
      throw nothing;
    },
    throws_what_has_no_text: async () => {
      const odd: unknown = Object.create(null);
      throw odd;
    },
    throws_at_once: () => {
      throw new RangeError("before any promise");
    },
    finds_away: async (_payload, context) => {
      const times = await client.incr(`${place}${context.id}`);
      if (times <= TIMES_AWAY) findAway(times);
      await record("done", context);
    },
    finds_away_for_ever: async () => findAway(0),
    asks_postgres: async (_payload, context) => {
      await platform.db.run({ role: "system" }, (tx) => tx.execute(sql`select 1`));
      await record("done", context);
    },
    refuses: async () => {
      throw new JobRefused("never");
    },
    rejects_unhandled: async (_payload, context) => {
      await record("began", context);
      void Promise.reject(new Error("nobody listens"));
      await hang();
    },
    exits: async (_payload, context) => {
      await record("began", context);
      process.exit(0);
    },
    loops: async (_payload, context) => {
      await record("began", context);
      block();
    },
    /** Takes its time, and blocks the thread only once it was given up. */
    loops_later: async ({ mark }, context) => {
      await record("began", context);
      await pause(LIMIT_MS, context.signal);
      while (!(await client.get(place + mark))) await pause(STEP_MS, AbortSignal.timeout(LIMIT_MS));
      block();
    },
    hangs: async (_payload, context) => {
      await record("began", context);
      await hang();
    },
    /** Is done while Redis is away. */
    lasts: async (_payload, context) => {
      await record("began", context);
      const gone = new AbortController();
      client.once("reconnecting", () => gone.abort());
      await pause(LIMIT_MS, gone.signal);
    },
    ignores: async (_payload, context) => {
      await record("began", context);
      await hang();
    },
    /** Ends when the test has set its mark, or with an error when it is told to end. */
    waits: async ({ mark }, context) => {
      await record("began", context);
      while (!(await client.get(place + mark))) {
        if (context.signal.aborted) throw new Error("told to end");
        await pause(STEP_MS, context.signal);
      }
      await record("done", context);
    },
    tells_environment: (_payload, context) => record(JSON.stringify(process.env), context),
  };
}

const TIMEOUTS_MS: Record<string, number> = { loops: 200, loops_later: 200, hangs: 200 };

function createHandlers(platform: WorkerPlatform): JobHandler[] {
  return Object.entries(actions(platform)).map(([name, act]) => {
    const timeoutMs = TIMEOUTS_MS[name] ?? LIMIT_MS;
    return handle(defineJob(`test.${name}`, { payload, ...patience, timeoutMs }), act);
  });
}

serveJobs({
  port: self,
  env: process.env,
  stderr: () => undefined,
  pretty: false,
  handlers: createHandlers,
  limits: {
    abortGraceMs: ABORT_GRACE_MS,
    unknownDelayMs: UNKNOWN_DELAY_MS,
    deferralMs: DEFERRAL_MS,
  },
});
