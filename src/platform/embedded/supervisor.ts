import type { Subprocess } from "bun";

import { describeFailure, type ServiceName } from "./error.ts";

export type ServerProcess = Subprocess<"ignore", number, number>;

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;
/** Deaths in a row after which a server is left alone: it will not come up by trying again. */
const MAX_DEATHS_IN_A_ROW = 10;
/** A server that lived this long was healthy; its death starts a new row. */
const HEALTHY_AFTER_MS = 60_000;
const KILL_WAIT_MS = 5000;

export interface ServerPlan {
  service: ServiceName;
  /** Starts the server and resolves once it answers. */
  start(): Promise<ServerProcess>;
  stopSignal: NodeJS.Signals;
  /** How long the server may take to stop by itself before it is killed. */
  stopLimitMs: number;
  progress: (line: string) => void;
}

export interface SupervisedServer {
  close(): Promise<void>;
}

/** Starts a server and starts it again whenever it dies, until it is closed. */
export async function superviseServer(plan: ServerPlan): Promise<SupervisedServer> {
  const closing = new AbortController();
  let current = await plan.start();
  const watching = watch();
  return { close };

  async function watch(): Promise<void> {
    let deaths = 0;
    while (deaths < MAX_DEATHS_IN_A_ROW) {
      const startedAt = performance.now();
      await current.exited;
      if (closing.signal.aborted) return;
      const wasHealthy = performance.now() - startedAt > HEALTHY_AFTER_MS;
      deaths = wasHealthy ? 1 : deaths + 1;
      plan.progress(`embedded ${plan.service} died (${exitOf(current)}): starting it again`);
      deaths += await restart(deaths);
      if (closing.signal.aborted) return;
    }
    plan.progress(`embedded ${plan.service} keeps dying: given up, see its log`);
  }

  /** @returns how many starts failed before one succeeded. */
  async function restart(deaths: number): Promise<number> {
    let failures = 0;
    while (deaths + failures < MAX_DEATHS_IN_A_ROW && !closing.signal.aborted) {
      await pause(backoffOf(deaths + failures), closing.signal);
      if (closing.signal.aborted) break;
      try {
        current = await plan.start();
        break;
      } catch (error) {
        failures += 1;
        plan.progress(describeFailure(error));
      }
    }
    return failures;
  }

  async function close(): Promise<void> {
    closing.abort();
    // A start that is under way is bounded by itself, and only afterwards is there a process to stop.
    const stopping = current;
    await stopServer(stopping, plan);
    await watching;
    if (current !== stopping) await stopServer(current, plan);
  }
}

/** Asks a server to stop, and kills it when it does not in time. */
export async function stopServer(
  server: ServerProcess,
  plan: Pick<ServerPlan, "stopSignal" | "stopLimitMs">,
): Promise<void> {
  server.kill(plan.stopSignal);
  if (await exitsWithin(server, plan.stopLimitMs)) return;
  server.kill("SIGKILL");
  await exitsWithin(server, KILL_WAIT_MS);
}

async function exitsWithin(server: ServerProcess, limitMs: number): Promise<boolean> {
  if (server.exitCode !== null || server.signalCode !== null) return true;
  const isOver = new AbortController();
  const inTime = server.exited.then(() => true);
  const late = pause(limitMs, isOver.signal).then(() => false);
  const result = await Promise.race([inTime, late]);
  isOver.abort();
  return result;
}

function pause(limitMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(finish, limitMs);
    signal.addEventListener("abort", finish, { once: true });

    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    }
  });
}

function backoffOf(deaths: number): number {
  // The first death is met at once: waiting helps only when it happens again.
  return deaths <= 1 ? 0 : Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** deaths);
}

function exitOf(server: ServerProcess): string {
  const { signalCode, exitCode } = server;
  return signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
}
