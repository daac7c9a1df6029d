import { closeSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { EmbeddedError } from "./error.ts";
import { openLog } from "./folders.ts";
import { endLeftovers } from "./processes.ts";
import { findRedisBinary } from "./redis_binary.ts";
import { pingRedis } from "./redis_ping.ts";
import { type ServerProcess, stopServer, superviseServer } from "./supervisor.ts";
import { announceWhenSlow, waitUntil } from "./wait.ts";

const MAX_MEMORY = "256mb";
/** Reading the append-only file back takes about a second for each 100 MB. */
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;
const STOP = { stopSignal: "SIGTERM", stopLimitMs: STOP_LIMIT_MS } as const;

export interface RedisOptions {
  dataDir: string;
  runtimeDir: string;
  durable: boolean;
  progress: (line: string) => void;
}

export interface EmbeddedRedis {
  url: string;
  close(): Promise<void>;
}

interface RedisHome {
  program: string;
  dir: string;
  socketPath: string;
}

/** Runs Redis on a unix socket in a private folder, with everything written to disk each second. */
export async function openRedis(options: RedisOptions): Promise<EmbeddedRedis> {
  const program = findRedisBinary(options.dataDir);
  const dir = join(options.dataDir, "redis");
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const socketPath = join(options.runtimeDir, "redis.sock");
  const home = { program, dir: realpathSync(dir), socketPath };
  const server = await superviseServer({
    service: "redis",
    start: () => startRedis(home, options),
    progress: options.progress,
    ...STOP,
  });
  return { url: `redis+unix://${socketPath}`, close: () => server.close() };
}

async function startRedis(home: RedisHome, options: RedisOptions): Promise<ServerProcess> {
  using _slow = announceWhenSlow(options.progress, "embedded redis: reading its data …");
  const pidFile = join(home.dir, "redis.pid");
  const names = ["redis-", "valkey-"];
  await endLeftovers({ dir: home.dir, names, pidFile }, STOP.stopSignal);
  for (const file of [pidFile, home.socketPath]) rmSync(file, { force: true });

  const log = openLog(options.dataDir, "redis");
  const logStart = statSync(log.file).size;
  const server = Bun.spawn([home.program, ...listArguments(home, options.durable)], {
    cwd: home.dir,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    stdin: "ignore",
    stdout: log.fd,
    stderr: log.fd,
    // In a session of its own it does not see the terminal's Ctrl-C: the order of the stop is ours.
    detached: true,
  });
  closeSync(log.fd);
  const hasExited = () => server.exitCode !== null || server.signalCode !== null;
  const isSettled = async () => hasExited() || (await pingRedis(home.socketPath)) === "ready";
  const inTime = await waitUntil(START_LIMIT_MS, isSettled);
  if (inTime && !hasExited()) return server;
  const said = readFileSync(log.file).subarray(logStart).toString().trim();
  const complaint = hasExited()
    ? (said.split("\n").at(-1) ?? "")
    : `it was not ready within ${START_LIMIT_MS / 1000} s, see ${log.file}`;
  await stopServer(server, STOP);
  throw new EmbeddedError("redis", home.dir, complaint);
}

function listArguments(home: RedisHome, durable: boolean): string[] {
  const settings = {
    // Port 0 is no port at all.
    port: "0",
    unixsocket: home.socketPath,
    unixsocketperm: "700",
    dir: home.dir,
    pidfile: join(home.dir, "redis.pid"),
    // Without this its command line would be rewritten, and tell nobody which folder it serves.
    "set-proc-title": "no",
    save: "",
    appendonly: "yes",
    appendfsync: durable ? "everysec" : "no",
    maxmemory: MAX_MEMORY,
    "maxmemory-policy": "noeviction",
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}
