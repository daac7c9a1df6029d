import { createClient } from "redis";

import { AppError, DependencyUnavailable, StartError } from "./errors.ts";
import type { Log } from "./log.ts";
import { createReads } from "./redis_reads.ts";
import { createDeadlines, pause, TimeoutError, withTimeout } from "./time.ts";

/** A connection's state as the rest of the product sees it. */
export interface Redis {
  /** The present connection; `renew` puts another one in its place. */
  readonly client: RedisClient;
  /** Of a cluster: where its keys are. What is published there is published to the shard that its name belongs to. */
  readonly shards?: Shards;
  /** True while commands are answered; false from the first failure until Redis has answered a PING again. */
  isReady(): boolean;
  /** Calls back each time the connection is usable again after it was not. */
  onReady(listener: () => void): void;
  /**
   * Runs one command, or a few, within a bound.
   * @throws AppError dependency_unavailable when Redis is away, without waiting for it.
   */
  run<T>(what: string, command: (client: RedisClient) => Promise<T>): Promise<T>;
  /** Runs a command on every node that has keys. @throws as `run` does. */
  everywhere<T>(what: string, command: (client: RedisClient) => Promise<T>): Promise<T[]>;
  /** The text at a key, or null, read together with what else is asked for meanwhile. @throws as `run` does. */
  read(key: string): Promise<string | null>;
  /** Drops the connection and makes another one, because this one looks alive and carries nothing. */
  renew(): void;
  close(): Promise<void>;
}

/** Where in a cluster the keys of each slot are. */
export interface Shards {
  /** `host:port` of the masters. */
  addresses(): string[];
  /** The master that has a key or a pub/sub channel; undefined while it is not known. */
  addressOf(name: string): string | undefined;
  /** A connection of one's own to a master, for what a cluster's client cannot do. */
  open(address: string, name: string): Promise<Redis>;
}

export type RedisClient = ReturnType<typeof newClient>;

export interface RedisOptions {
  url: URL;
  log: Log;
  /** What the connection is for, shown in the log and in CLIENT LIST. */
  name: string;
}

const CONNECT_TIMEOUT_MS = 2_000;
const COMMAND_TIMEOUT_MS = 1_000;
const START_TIMEOUT_MS = 30_000;
const MAX_RECONNECT_DELAY_MS = 500;
const LOADING_POLL_MS = 50;

/** What every connection has in common, to a single Redis and to a node of a cluster. */
export function clientOptions(name: string) {
  return {
    name: `frm-ai-${name}`,
    RESP: 3 as const,
    // Without a queue a command fails at once while Redis is away, instead of piling up behind it.
    disableOfflineQueue: true,
    // `run` bounds every command, and a second timer for each would be the dearest part of a small one.
    commandOptions: { timeout: 0 },
    pingInterval: 5_000,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      reconnectStrategy: (retries: number) =>
        Math.min(MAX_RECONNECT_DELAY_MS, 20 * 2 ** Math.min(retries, 10)) * (0.75 + jitter() / 2),
    },
  };
}

function newClient(url: URL, name: string) {
  const unix = url.protocol === "redis+unix:";
  const { socket, ...options } = clientOptions(name);
  return createClient({
    ...(unix ? {} : { url: url.href }),
    ...options,
    socket: {
      ...(unix ? { path: decodeURIComponent(url.pathname), tls: false as const } : {}),
      ...socket,
    },
  });
}

/** Spreads the reconnects of many instances, so that they do not arrive in one moment. */
function jitter(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;
}

/** Connects and waits until Redis serves. @throws StartError when it does not within 30 s. */
export async function openRedis(options: RedisOptions): Promise<Redis> {
  const { log, name } = options;
  const listeners: (() => void)[] = [];
  const closing = new AbortController();
  const deadlines = createDeadlines(COMMAND_TIMEOUT_MS);
  let ready = false;
  let client = newClient(options.url, name);

  function lose(error?: unknown): void {
    if (ready && !closing.signal.aborted) log.warn("redis connection lost", { name, error });
    ready = false;
  }
  async function handshake(of: RedisClient): Promise<void> {
    await untilServing(of, closing.signal);
    if (closing.signal.aborted || ready || of !== client || !of.isReady) return;
    ready = true;
    for (const listener of listeners) listener();
  }
  /** What a connection that was replaced still says is not heard. */
  function watch(of: RedisClient): void {
    of.on("error", (error: unknown) => void (of === client && lose(error)));
    of.on("reconnecting", () => void (of === client && lose()));
    // After a restart node-redis reports ready while Redis still loads its data and refuses commands.
    of.on("ready", () => void handshake(of));
  }
  watch(client);
  await connect(client, options.url);
  await handshake(client);

  async function run<T>(what: string, command: (client: RedisClient) => Promise<T>): Promise<T> {
    if (!ready) throw away(what);
    try {
      return await deadlines.bound(command(client), what);
    } catch (error) {
      throw isAway(error) ? away(what, error) : error;
    }
  }
  return {
    get client() {
      return client;
    },
    isReady: () => ready,
    onReady: (listener) => void listeners.push(listener),
    run,
    everywhere: async (what, command) => [await run(what, command)],
    read: createReads((keys) => run("read keys", (client) => client.mGet(keys))),
    renew: () => {
      if (closing.signal.aborted) return;
      const former = client;
      lose(new Error("it carries nothing"));
      client = newClient(options.url, name);
      watch(client);
      drop(former);
      // It tries until it succeeds or is closed, and says so by the events that are watched.
      client.connect().catch(() => undefined);
    },
    close: async () => {
      if (closing.signal.aborted) return;
      closing.abort();
      ready = false;
      drop(client);
    },
  };
}

function drop(client: RedisClient): void {
  try {
    client.destroy();
  } catch {
    // It was closed already.
  }
}

async function connect(client: RedisClient, url: URL): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      if (!client.isOpen)
        await withTimeout(client.connect(), { what: "redis", timeoutMs: CONNECT_TIMEOUT_MS });
      return;
    } catch (error) {
      const loading = /LOADING/.test(String(error));
      if (!loading || performance.now() > deadline) {
        client.destroy();
        throw new StartError(`Cannot start: REDIS_URL does not answer at ${place(url)}`);
      }
      await pause(LOADING_POLL_MS, AbortSignal.timeout(LOADING_POLL_MS * 2));
    }
  }
}

function place(url: URL): string {
  return url.protocol === "redis+unix:" ? url.pathname : url.host;
}

async function untilServing(client: RedisClient, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && client.isReady) {
    try {
      await withTimeout(client.ping(), { what: "redis", timeoutMs: COMMAND_TIMEOUT_MS });
      return;
    } catch {
      await pause(LOADING_POLL_MS, signal);
    }
  }
}

/** In the words of Redis itself, and of its client about commands that are under way when their connection is made anew. */
const AWAY =
  /LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|[Ss]ocket|clos|ECONN|EPIPE|offline|[Dd]isconnect|aborted|Connection timeout|root nodes/;

export function isAway(error: unknown): boolean {
  return error instanceof TimeoutError || AWAY.test(String(error));
}

export function away(what: string, cause?: unknown): AppError {
  return new AppError(DependencyUnavailable, `Cannot ${what}: Redis is away`, {
    headers: { "retry-after": "1" },
    cause,
  });
}

const MIN_MAJOR = 7;

/** Checks what our keys rely on, on every node. @throws StartError when Redis is too old or may evict them. */
export async function assertRedisIsFit(redis: Redis, log: Log): Promise<void> {
  const ask = (section: string) =>
    redis.everywhere(`ask Redis for its ${section}`, (client) => client.info(section));
  for (const info of await ask("server")) {
    const version = /(?:valkey|redis)_version:(\S+)/.exec(info)?.[1] ?? "0";
    if (Number(version.split(".")[0]) < MIN_MAJOR)
      throw new StartError(`Cannot start: Redis ${version} is too old; 7.0 is needed`);
  }
  for (const memory of await ask("memory")) {
    const policy = /maxmemory_policy:(\S+)/.exec(memory)?.[1];
    if (policy !== undefined && policy !== "noeviction")
      throw new StartError(
        `Cannot start: Redis has maxmemory-policy ${policy} and may evict sessions; set noeviction`,
      );
  }
  const persistence = await ask("persistence");
  if (!persistence.every((info) => info.includes("aof_enabled:1")))
    log.warn(
      "redis keeps no append-only file: what it holds is rebuilt from Postgres after a restart",
    );
}
