import { createKeys, type Keys } from "../../src/platform/keys.ts";
import { DEFAULT_QUEUE } from "../../src/platform/queue/definition.ts";
import {
  createJobStore,
  type JobStore,
  type NewJob,
  type StartedJob,
  type Ticket,
} from "../../src/platform/queue/store.ts";
import { openRedis, type Redis } from "../../src/platform/redis.ts";
import { silentLog } from "./database.ts";
import { testServices } from "./services.ts";

/** A queue of a test's own, seen through two connections, as two processes would see it. */
export interface TestQueue extends AsyncDisposable {
  prefix: string;
  keys: Keys;
  redis: Redis;
  reader: Redis;
  store: JobStore;
  /** The same queue over another connection. */
  other: JobStore;
  /** Publishes jobs behind what is there. @returns their ids. */
  add(count: number, fields?: Partial<NewJob>): Promise<string[]>;
  /** Takes what is in line, without waiting for more. */
  take(consumer: string, limit?: number): Promise<Ticket[]>;
  /** Takes one job and begins it. @throws when there is none. */
  begin(consumer: string): Promise<StartedJob>;
  hash(id: string): Promise<Record<string, string>>;
  /** Tickets in line, of which `pending` are with a consumer. */
  line(): Promise<{ tickets: number; pending: number; later: number; dead: string[] }>;
  /** Deletes every key of this queue, as a Redis would that lost them. */
  wipe(): Promise<void>;
}

const SHORTEST_WAIT_MS = 1;

export async function openTestQueue(at?: URL): Promise<TestQueue> {
  const url = at ?? new URL((await testServices()).redisUrl);
  const prefix = `t${Bun.randomUUIDv7().replaceAll("-", "").slice(-20)}`;
  const log = { ...silentLog, warn: () => undefined };
  const open = (name: string) => openRedis({ url, log, name });
  const [redis, second, reader] = [await open("queue"), await open("other"), await open("reader")];
  const keys = createKeys(prefix);
  const queue = DEFAULT_QUEUE;
  const store = createJobStore({ redis, keys, queue });
  const ready = keys.queue(queue, "ready");

  let adding = Promise.resolve();
  let hasGroup = false;

  async function take(consumer: string, limit = 100): Promise<Ticket[]> {
    const fetch = () => store.fetch(reader, { consumer, limit, waitMs: SHORTEST_WAIT_MS });
    const tickets = await fetch();
    const isFirst = !hasGroup;
    hasGroup = true;
    // The first look at a new queue may only make the group.
    return isFirst && tickets.length === 0 ? await fetch() : tickets;
  }
  async function wipe(): Promise<void> {
    const found = await redis.client.keys(`${prefix}:*`);
    if (found.length > 0) await redis.client.del(found);
    hasGroup = false;
  }
  return {
    prefix,
    keys,
    redis,
    reader,
    store,
    other: createJobStore({ redis: second, keys, queue }),
    take,
    wipe,
    add: async (count, fields = {}) => {
      const jobs = Array.from({ length: count }, () => newJob(fields));
      // One after another, as relays do it under a lock in Postgres.
      adding = adding.then(async () => {
        const expected = await store.cursor();
        await store.publish({ expected, batch: expected + 1, jobs });
      });
      await adding;
      return jobs.map(({ id }) => id);
    },
    begin: async (consumer) => {
      const [ticket] = await take(consumer, 1);
      const job = ticket && (await store.start(ticket, { alone: true }));
      if (!job || job === "suspect") throw new Error("Cannot begin a job: there is none");
      return job;
    },
    hash: async (id) => ({ ...(await redis.client.hGetAll(keys.jobs(queue) + id)) }),
    line: async () => {
      const pending = await redis.client.xPending(ready, "workers").catch(() => ({ pending: 0 }));
      return {
        tickets: await redis.client.xLen(ready),
        pending: pending.pending,
        later: await redis.client.zCard(keys.queue(queue, "later")),
        dead: await redis.client.zRange(keys.queue(queue, "dead"), 0, -1),
      };
    },
    [Symbol.asyncDispose]: async () => {
      await wipe();
      await Promise.all([redis.close(), second.close(), reader.close()]);
    },
  };
}

export function newJob(fields: Partial<NewJob> = {}): NewJob {
  const id = Bun.randomUUIDv7();
  return { id, kind: "test.kind", version: 1, payload: "{}", maxAttempts: 3, ...fields };
}
