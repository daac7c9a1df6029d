import type { Keys } from "../keys.ts";
import type { Redis, RedisClient } from "../redis.ts";
import { withTimeout } from "../time.ts";
import { callScript, SCAN, type ScriptName } from "./scripts.ts";

/** A job as the outbox hands it over. */
export interface NewJob {
  id: string;
  kind: string;
  version: number;
  /** JSON. */
  payload: string;
  maxAttempts: number;
}

/** A place in the line; the job behind it may have moved on since. */
export interface Ticket {
  entry: string;
  id: string;
}

/** A job that this worker has begun, and the token that says so. */
export interface StartedJob extends Ticket {
  kind: string;
  version: number;
  payload: unknown;
  attempt: number;
  maxAttempts: number;
  /** How often in a row it was put off because something that it needs was away. */
  deferrals: number;
  token: string;
}

/** What a worker shows to move a job on; the token is empty while the ticket only waits for its turn. */
export type Held = Pick<StartedJob, "id" | "entry" | "token">;

/** One queue in Redis. Every call may be repeated; every one throws AppError dependency_unavailable while Redis is away. */
export interface JobStore {
  /** Adds one batch if Redis stands at `expected`. @returns the batch at which Redis stands now. */
  publish(batch: { expected: number; batch: number; jobs: NewJob[] }): Promise<number>;
  cursor(): Promise<number>;
  /** Waits up to `waitMs` on a connection of its own for tickets. */
  fetch(reader: Redis, options: FetchOptions): Promise<Ticket[]>;
  /**
   * Begins the next attempt, or finds that the ticket is stale. A job that may have ended its worker is a suspect unless
   * it runs `alone`, so that its neighbours are never blamed for it twice.
   */
  start(ticket: Ticket, options: { alone: boolean }): Promise<StartedJob | "suspect" | undefined>;
  /** False when the job is no longer this worker's. */
  complete(held: Held): Promise<boolean>;
  /** Tries again after `delayMs`, unless that is undefined or the attempts are used up. */
  fail(
    held: Held,
    failure: { error: string; delayMs: number | undefined },
  ): Promise<"later" | "dead" | "lost">;
  /** Hands a job back without spending an attempt. */
  release(held: Held, delayMs: number): Promise<boolean>;
  /** Puts a job off without spending an attempt, and counts that. */
  defer(held: Held, delayMs: number): Promise<boolean>;
  /** Moves what is due into the line. @returns how many. */
  promote(): Promise<number>;
  /** Renews the leases of one consumer's jobs. @returns the entries of those that are lost. */
  renew(consumer: string, held: Held[]): Promise<string[]>;
  /**
   * Puts back what vanished processes held, which is all that is idle for `leaseMs`, or at once what one consumer holds
   * whose thread has ended. The former is seldom the fault of a job, so it buries only after many times.
   */
  reap(of: { leaseMs: number } | { consumer: string }): Promise<Reaped[]>;
  /** Removes a consumer, unless it holds something. */
  forget(consumer: string): Promise<void>;
  /** Removes consumers that have held nothing for `idleMs`: those of processes that were killed. @returns how many. */
  sweep(idleMs: number): Promise<number>;
  /** Some ids whose work is settled, until they are dropped. */
  listSettled(limit: number): Promise<string[]>;
  dropSettled(ids: string[]): Promise<void>;
}

export interface Reaped {
  id: string;
  outcome: "ready" | "dead";
}

export interface FetchOptions {
  consumer: string;
  limit: number;
  waitMs: number;
}

const GROUP = "workers";
/** Beyond the wait that was asked for; whoever takes longer is not connected any more. */
const FETCH_GRACE_MS = 3_000;

export function createJobStore(options: { redis: Redis; keys: Keys; queue: string }): JobStore {
  const { redis, queue } = options;
  const parts = ["ready", "later", "dead", "settled", "cursor"] as const;
  const keys = parts.map((part) => options.keys.queue(queue, part));
  const jobs = options.keys.jobs(queue);
  const ready = options.keys.queue(queue, "ready");
  const settled = options.keys.queue(queue, "settled");
  const cursor = options.keys.queue(queue, "cursor");

  function call(name: ScriptName, args: (string | number)[]): Promise<unknown> {
    return redis.run(`${name} a job`, (client) =>
      callScript(client, name, { keys, arguments: [jobs, ...args.map(String)] }),
    );
  }
  return {
    publish: async ({ expected, batch, jobs: added }) => {
      const fields = added.flatMap(({ id, kind, version, payload, maxAttempts }) => [
        id,
        kind,
        String(version),
        payload,
        String(maxAttempts),
      ]);
      return Number(await call("publish", [expected, batch, ...fields]));
    },
    cursor: async () =>
      Number((await redis.run("read the queue", (client) => client.get(cursor))) ?? 0),
    fetch: async (reader, { consumer, limit, waitMs }) => {
      const reading = readTickets(reader.client, { ready, consumer, limit, waitMs });
      const timeoutMs = waitMs + FETCH_GRACE_MS;
      return await withTimeout(reading, { what: "tickets", timeoutMs });
    },
    start: async (ticket, { alone }) => {
      const answer = await call("start", [ticket.entry, ticket.id, alone ? "alone" : ""]);
      return answer === "suspect" ? answer : toStarted(ticket, answer);
    },
    complete: async ({ id, token }) => (await call("complete", [id, token])) === 1,
    fail: async ({ id, token }, { error, delayMs }) => {
      const state = await call("fail", [id, token, error, delayMs ?? -1]);
      return state === "later" || state === "dead" ? state : "lost";
    },
    release: async ({ id, token }, delayMs) =>
      (await call("release", [id, token, delayMs, ""])) === 1,
    defer: async ({ id, token }, delayMs) =>
      (await call("release", [id, token, delayMs, "deferred"])) === 1,
    promote: async () => Number(await call("promote", [])),
    renew: async (consumer, held) => {
      const fields = held.flatMap(({ id, entry, token }) => [id, entry, token]);
      return (await call("renew", [consumer, ...fields])) as string[];
    },
    reap: async (of) => {
      const args = "consumer" in of ? [0, of.consumer] : [of.leaseMs, ""];
      const reaped: Reaped[] = [];
      for (;;) {
        const [seen, ...fields] = (await call("reap", args)) as string[];
        reaped.push(...toReaped(fields));
        // What was looked at is no longer pending, so this ends.
        if (Number(seen) < SCAN) return reaped;
      }
    },
    forget: async (consumer) => void (await call("forget", [consumer])),
    sweep: async (idleMs) => Number(await call("sweep", [idleMs])),
    listSettled: async (limit) =>
      await redis.run("list settled jobs", (client) => client.sRandMemberCount(settled, limit)),
    dropSettled: async (ids) =>
      void (await redis.run("drop settled jobs", (client) => client.sRem(settled, ids))),
  };
}

interface ReadOptions extends FetchOptions {
  ready: string;
}

/** Makes the consumer group where a new or an emptied Redis has none. */
async function readTickets(client: RedisClient, options: ReadOptions): Promise<Ticket[]> {
  const { ready, consumer, limit, waitMs } = options;
  try {
    const from = { key: ready, id: ">" };
    const answer = await client.xReadGroup(GROUP, consumer, from, { COUNT: limit, BLOCK: waitMs });
    const messages = (answer as { messages: StreamMessage[] }[] | null)?.[0]?.messages ?? [];
    return messages.map(({ id, message }) => ({ entry: id, id: message["id"] ?? "" }));
  } catch (error) {
    if (!String(error).includes("NOGROUP")) throw error;
    await createGroup(client, ready);
    return [];
  }
}

interface StreamMessage {
  id: string;
  message: Record<string, string>;
}

async function createGroup(client: RedisClient, ready: string): Promise<void> {
  try {
    await client.xGroupCreate(ready, GROUP, "0", { MKSTREAM: true });
  } catch (error) {
    // Another worker was quicker.
    if (!String(error).includes("BUSYGROUP")) throw error;
  }
}

function toStarted(ticket: Ticket, answer: unknown): StartedJob | undefined {
  if (!Array.isArray(answer)) return undefined;
  const [kind = "", version = "", payload = "", attempt = "", maxAttempts = "", ...rest] =
    answer as string[];
  const [token = "", deferrals = ""] = rest;
  return {
    ...ticket,
    kind,
    version: Number(version),
    payload: JSON.parse(payload) as unknown,
    attempt: Number(attempt),
    maxAttempts: Number(maxAttempts),
    deferrals: Number(deferrals),
    token,
  };
}

function toReaped(fields: string[]): Reaped[] {
  const reaped: Reaped[] = [];
  for (let at = 0; at < fields.length; at += 2)
    reaped.push({ id: fields[at] ?? "", outcome: fields[at + 1] === "dead" ? "dead" : "ready" });
  return reaped;
}
