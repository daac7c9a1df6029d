import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { findRedisBinary } from "../../src/platform/embedded/redis_binary.ts";
import { until } from "./poll.ts";

/** One master of a cluster, which a test may kill and start again. */
export interface ClusterNode {
  url: URL;
  kill: () => Promise<void>;
  /** Starts it again, with what it held. */
  start: () => Promise<void>;
  /** Runs one command on this node alone. */
  ask: (...command: string[]) => Promise<string>;
}

export interface TestRedisCluster extends AsyncDisposable {
  /** Of one of its nodes. */
  url: URL;
  nodes: ClusterNode[];
}

const NODES = 3;
const SLOTS = 16_384;
const NODE_TIMEOUT_MS = 1_000;
const LIMIT_MS = 60_000;
const ANSWER_LIMIT_MS = 2_000;
/** A node also listens on the port that is this much higher. */
const BUS_PORT_DISTANCE = 10_000;
const HIGHEST_PORT = 65_535;

/** Three masters on this machine, each with a third of the slots. */
export async function openTestRedisCluster(): Promise<TestRedisCluster> {
  const dataDir = await mkdtemp(join(tmpdir(), "frm-cluster-"));
  const nodes = await Promise.all(
    Array.from({ length: NODES }, async (_, at) => openNode(join(dataDir, String(at)))),
  );
  const [first] = nodes;
  if (!first) throw new Error("Cannot open a cluster without nodes");
  const share = Math.ceil(SLOTS / NODES);
  for (const [at, node] of nodes.entries()) {
    const last = Math.min(SLOTS, (at + 1) * share) - 1;
    await node.ask("CLUSTER", "ADDSLOTSRANGE", String(at * share), String(last));
    await node.ask("CLUSTER", "SET-CONFIG-EPOCH", String(at + 1));
    await first.ask("CLUSTER", "MEET", node.url.hostname, node.url.port);
  }
  for (const node of nodes)
    await until(
      "the cluster",
      async () => {
        const info = await node.ask("CLUSTER", "INFO");
        return info.includes("cluster_state:ok") && info.includes(`known_nodes:${NODES}`);
      },
      LIMIT_MS,
    );
  return {
    url: first.url,
    nodes,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(nodes.map((node) => node.kill()));
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function openNode(dir: string): Promise<ClusterNode> {
  await mkdir(dir, { recursive: true });
  const port = findPort();
  const url = new URL(`redis://127.0.0.1:${port}`);
  let server: Bun.Subprocess | undefined;
  const node: ClusterNode = {
    url,
    kill: async () => {
      server?.kill("SIGKILL");
      await server?.exited;
    },
    start: async () => {
      server = Bun.spawn([findRedisBinary(dir), ...argumentsOf(dir, port)], {
        stdout: "ignore",
        stderr: "ignore",
      });
      await until("a node", async () => (await node.ask("PING")) === "PONG", LIMIT_MS);
    },
    ask: (...command) => ask(url, command),
  };
  await node.start();
  return node;
}

/** @returns what it answers, or the empty text while it does not. */
async function ask(url: URL, command: string[]): Promise<string> {
  const client = new Bun.RedisClient(url.href, {
    autoReconnect: false,
    connectionTimeout: ANSWER_LIMIT_MS,
    enableOfflineQueue: true,
  });
  try {
    const [name = "", ...rest] = command;
    return String(await client.send(name, rest));
  } catch {
    return "";
  } finally {
    client.close();
  }
}

/** A port that is free, together with that of the bus. */
function findPort(): number {
  for (;;) {
    const one = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const { port } = one;
    one.stop(true);
    if (port + BUS_PORT_DISTANCE <= HIGHEST_PORT) return port;
    const lower = port - 2 * BUS_PORT_DISTANCE;
    if (lower > 1_024) return lower;
  }
}

function argumentsOf(dir: string, port: number): string[] {
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    dir,
    save: "",
    appendonly: "yes",
    "cluster-enabled": "yes",
    "cluster-node-timeout": String(NODE_TIMEOUT_MS),
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}
