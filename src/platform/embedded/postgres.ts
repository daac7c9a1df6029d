import { closeSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { EmbeddedError } from "./error.ts";
import { openLog } from "./folders.ts";
import { environmentOf } from "./postgres_binaries.ts";
import { createCluster, DATABASE, lastComplaint, SUPERUSER } from "./postgres_cluster.ts";
import { choosePostgresHome, type PostgresHome, type PostgresPlace } from "./postgres_home.ts";
import { endLeftovers, readPidFile, runsOn, type ServerTraits } from "./processes.ts";
import { type ServerProcess, stopServer, superviseServer } from "./supervisor.ts";
import { announceWhenSlow, waitUntil } from "./wait.ts";

const PORT = 5432;
const MAX_CONNECTIONS = 200;
/** Recovery after a kill replays at most max_wal_size, which takes seconds even on a slow disk. */
const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 15_000;
/** Children of a killed postmaster hold its shared memory until they notice, some hundred milliseconds. */
const SHARED_MEMORY_LIMIT_MS = 10_000;
const STOP = { stopSignal: "SIGINT", stopLimitMs: STOP_LIMIT_MS } as const;

export interface PostgresOptions extends PostgresPlace {
  durable: boolean;
}

export interface EmbeddedPostgres {
  url: string;
  close(): Promise<void>;
}

/** Runs Postgres on a unix socket in a private folder, where the kernel says who may connect. */
export async function openPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const home = choosePostgresHome(options);
  {
    using _slow = announceWhenSlow(options.progress, "embedded postgres: making its data folder …");
    await createCluster(home, options.durable);
  }
  const server = await superviseServer({
    service: "postgres",
    start: () => startPostgres(home, options),
    progress: options.progress,
    ...STOP,
  });
  const host = encodeURIComponent(home.socketDir);
  const url = `postgres://${SUPERUSER}@localhost/${DATABASE}?host=${host}`;
  return { url, close: () => server.close() };
}

async function startPostgres(home: PostgresHome, options: PostgresOptions): Promise<ServerProcess> {
  using _slow = announceWhenSlow(options.progress, "embedded postgres: recovering its data …");
  const dir = realpathSync(home.clusterDir);
  const traits = { dir, names: ["postgres"], pidFile: join(dir, "postmaster.pid") };
  const deadline = performance.now() + SHARED_MEMORY_LIMIT_MS;
  while (true) {
    await endLeftovers(traits, "SIGINT");
    removeStaleFiles(home, traits);
    const started = await launch(home, { ...options, dir });
    if (!("complaint" in started)) return started.server;
    const isTransient = /shared memory block|lock file/.test(started.complaint);
    if (!isTransient || performance.now() > deadline) {
      throw new EmbeddedError("postgres", home.clusterDir, started.complaint);
    }
    await Bun.sleep(50);
  }
}

/** A pid that now belongs to a zombie or to another program would make Postgres believe it runs already. */
function removeStaleFiles(home: PostgresHome, traits: ServerTraits): void {
  const pid = readPidFile(traits.pidFile);
  if (pid !== undefined && runsOn(pid, traits)) return;
  const socket = join(home.socketDir, `.s.PGSQL.${PORT}`);
  for (const file of [traits.pidFile, socket, `${socket}.lock`]) rmSync(file, { force: true });
}

async function launch(
  home: PostgresHome,
  options: PostgresOptions & { dir: string },
): Promise<{ server: ServerProcess } | { complaint: string }> {
  const log = openLog(options.dataDir, "postgres");
  const logStart = statSync(log.file).size;
  const settings = listSettings(home, options.durable).flatMap((setting) => ["-c", setting]);
  const argv = [home.binaries.postgres, "-D", options.dir, ...settings];
  const server = Bun.spawn([...home.account.prefix, ...argv], {
    cwd: "/",
    env: environmentOf(home.binaries),
    stdin: "ignore",
    stdout: log.fd,
    stderr: log.fd,
    // In a session of its own it does not see the terminal's Ctrl-C: the order of the stop is ours.
    detached: true,
    ...home.account.user,
  });
  closeSync(log.fd);
  const hasExited = () => server.exitCode !== null || server.signalCode !== null;
  const isSettled = () => hasExited() || isReady(options.dir, server.pid);
  const inTime = await waitUntil(START_LIMIT_MS, isSettled);
  if (inTime && !hasExited()) return { server };
  if (hasExited()) {
    return { complaint: lastComplaint(readFileSync(log.file).subarray(logStart).toString()) };
  }
  await stopServer(server, STOP);
  return { complaint: `it was not ready within ${START_LIMIT_MS / 1000} s, see ${log.file}` };
}

/** Postgres writes its state into the eighth line of its pid file. */
function isReady(clusterDir: string, pid: number): boolean {
  try {
    const lines = readFileSync(join(clusterDir, "postmaster.pid"), "utf8").split("\n");
    return Number(lines[0]) === pid && lines[7]?.trim() === "ready";
  } catch {
    return false;
  }
}

function listSettings(home: PostgresHome, durable: boolean): string[] {
  const safety = ["fsync", "synchronous_commit", "full_page_writes"];
  return [
    "listen_addresses=",
    `port=${PORT}`,
    `unix_socket_directories=${quoteDir(home.socketDir)}`,
    "unix_socket_permissions=0700",
    `max_connections=${MAX_CONNECTIONS}`,
    // A small footprint: this runs beside an editor, not on a server of its own.
    "shared_buffers=32MB",
    "max_wal_size=256MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_logical_replication_workers=0",
    "jit=off",
    "timezone=UTC",
    "log_timezone=UTC",
    "lc_messages=C",
    ...(home.binaries.major >= 18 ? ["io_method=sync"] : []),
    ...(durable ? [] : safety.map((name) => `${name}=off`)),
  ];
}

/** The setting is a list, in which a name with a comma or a space needs quotes. */
function quoteDir(dir: string): string {
  return `"${dir.replaceAll('"', '""')}"`;
}
