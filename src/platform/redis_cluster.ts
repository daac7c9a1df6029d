import { createCluster } from "redis";

import { StartError } from "./errors.ts";
import {
  away,
  clientOptions,
  isAway,
  openRedis,
  type Redis,
  type RedisClient,
  type RedisOptions,
  type Shards,
} from "./redis.ts";
import { createDeadlines, pause, withTimeout } from "./time.ts";

const COMMAND_TIMEOUT_MS = 1_000;
const START_TIMEOUT_MS = 30_000;
const LOOK_MS = 100;
const SLOTS = 16_384;
/** What a node says that knows of a master for every slot. */
const WHOLE = "cluster_state:ok";

function newCluster({ url, name }: RedisOptions) {
  const { socket, ...options } = clientOptions(name);
  const credentials = {
    ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
  };
  const tls = url.protocol === "rediss:" ? { tls: true as const } : {};
  return createCluster({
    rootNodes: [{ url: url.href }],
    RESP: 3,
    commandOptions: options.commandOptions,
    defaults: { ...options, ...credentials, socket: { ...socket, ...tls } },
  });
}

type Cluster = ReturnType<typeof newCluster>;

/**
 * A Redis Cluster as one connection: each command goes to the node that has its key. It is ready while all of its masters
 * are, because nobody knows beforehand whose keys are asked for.
 */
async function openRedisCluster(options: RedisOptions): Promise<Redis> {
  const deadlines = createDeadlines(COMMAND_TIMEOUT_MS);
  let cluster = newCluster(options);
  const service = createService(options, () => isServing(cluster));

  /** The commands of a cluster are those of a node, except that they find their way. */
  const client = () => cluster as unknown as RedisClient;
  /** What a cluster's client that was replaced still says is not heard. */
  function watch(of: Cluster): void {
    for (const event of ["error", "node-error", "node-reconnecting", "node-disconnect"])
      of.on(event, (error: unknown) => void (of === cluster && service.lose(error)));
  }
  watch(cluster);
  await connectCluster(cluster, { service, url: options.url });

  async function run<T>(what: string, command: (of: RedisClient) => Promise<T>): Promise<T> {
    if (!service.isReady()) throw away(what);
    try {
      return await deadlines.bound(command(client()), what);
    } catch (error) {
      throw isAway(error) ? away(what, error) : error;
    }
  }
  return {
    get client() {
      return client();
    },
    shards: shardsOf(options, () => cluster),
    isReady: service.isReady,
    onReady: service.onReady,
    run,
    everywhere: (what, command) =>
      run(what, () => Promise.all(nodesOf(cluster).map(async (node) => command(await node)))),
    read: (key) => run("read a key", (of) => of.get(key)),
    renew: () => {
      const former = cluster;
      cluster = newCluster(options);
      watch(cluster);
      drop(former);
      service.lose(new Error("it carries nothing"));
      connectAgain(cluster, service.closing.signal).catch(() => undefined);
    },
    close: async () => {
      service.close();
      drop(cluster);
    },
  };
}

/** Whether something serves, found out by asking it again and again from each loss until it does. */
interface Service {
  isReady: () => boolean;
  onReady: (listener: () => void) => void;
  lose: (error?: unknown) => void;
  /** Resolves when it serves. */
  whenReady: () => Promise<void>;
  closing: AbortController;
  close: () => void;
}

function createService({ log, name }: RedisOptions, isThere: () => Promise<boolean>): Service {
  const listeners: (() => void)[] = [];
  const closing = new AbortController();
  let ready = false;
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    while (!closing.signal.aborted && !(await isThere().catch(() => false)))
      await pause(LOOK_MS, closing.signal);
    if (closing.signal.aborted) return;
    ready = true;
    for (const listener of listeners) listener();
  }
  const whenReady = () => (looking ??= look().finally(() => (looking = undefined)));
  return {
    isReady: () => ready,
    onReady: (listener) => void listeners.push(listener),
    lose: (error) => {
      if (ready && !closing.signal.aborted) log.warn("redis connection lost", { name, error });
      ready = false;
      void whenReady();
    },
    whenReady,
    closing,
    close: () => {
      closing.abort();
      ready = false;
    },
  };
}

function nodesOf(cluster: Cluster): Promise<RedisClient>[] {
  return cluster.masters.map(
    async (node) => (await cluster.nodeClient(node)) as unknown as RedisClient,
  );
}

function drop(cluster: Cluster): void {
  try {
    cluster.destroy();
  } catch {
    // It was closed already.
  }
}

async function connectCluster(
  cluster: Cluster,
  { service, url }: { service: Service; url: URL },
): Promise<void> {
  const timeoutMs = START_TIMEOUT_MS;
  try {
    await connectAgain(cluster, AbortSignal.timeout(timeoutMs));
    await withTimeout(service.whenReady(), { what: "redis", timeoutMs });
  } catch (error) {
    service.close();
    drop(cluster);
    throw new StartError(`Cannot start: the Redis Cluster at ${url.host} does not answer`, {
      cause: error,
    });
  }
}

/** Unlike a node's client, a cluster's gives up when none of the nodes that it knows answers. */
async function connectAgain(cluster: Cluster, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      if (!cluster.isOpen) await cluster.connect();
      return;
    } catch {
      await pause(LOOK_MS, signal);
    }
  }
}

/** True when every master answers, and says that all slots are served. */
async function isServing(cluster: Cluster): Promise<boolean> {
  const { masters } = cluster;
  if (masters.length === 0 || !masters.every((node) => node.client?.isReady === true)) return false;
  const work = Promise.all(
    nodesOf(cluster).map(async (node) => (await (await node).clusterInfo()).includes(WHOLE)),
  );
  const states = await withTimeout(work, { what: "redis", timeoutMs: COMMAND_TIMEOUT_MS });
  return states.every(Boolean);
}

function shardsOf({ url, log }: RedisOptions, cluster: () => Cluster): Shards {
  return {
    addresses: () => cluster().masters.map(({ address }) => address),
    addressOf: (name) => cluster().slots[slotOf(name)]?.master.address,
    open: (address, name) => {
      const own = new URL(url);
      own.host = address;
      return openRedis({ url: own, log, name });
    },
  };
}

/** The slot of a key: CRC16 of what stands in its first braces, as the specification of Redis Cluster has it. */
function slotOf(key: string): number {
  const open = key.indexOf("{");
  const end = key.indexOf("}", open + 1);
  const tag = open === -1 || end <= open + 1 ? key : key.slice(open + 1, end);
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1)
      crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc % SLOTS;
}

/** The Redis that everybody shares: a single one, or a cluster where the node that the URL names belongs to one. */
export async function openSharedRedis(options: RedisOptions): Promise<Redis> {
  const single = await openRedis(options);
  const info = await single.run("ask Redis for its kind", (client) => client.info("cluster"));
  if (!/cluster_enabled:1/.test(info)) return single;
  await single.close();
  return await openRedisCluster(options);
}
