import { join } from "node:path";

import { type Child, cpuSecondsOf, machineCpuSeconds, spawn } from "../processes.ts";

const JOB_TIMEOUT_MS = 60_000;

/** The load comes from a process of its own, so that measuring does not disturb what is measured. */
export interface Load extends AsyncDisposable {
  /** Runs one job and answers its result. @throws what the job has thrown. */
  run: <T extends object>(job: object) => Promise<T>;
  pid: number;
}

/** Cores that were busy on average. */
export interface Busy {
  client: number;
  servers: number;
  /** Postgres, Redis, and whatever else ran on the machine. */
  rest: number;
}

export function openLoad(script: "http.ts" | "sockets.ts"): Load {
  const path = join(import.meta.dir, script);
  const child: Child = spawn({ name: "the load", argv: [process.execPath, "--no-orphans", path] });
  return {
    pid: child.pid,
    run: async <T extends object>(job: object) => {
      child.write(JSON.stringify(job));
      const answer = JSON.parse(await child.nextLine(JOB_TIMEOUT_MS)) as T & { error?: string };
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer;
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Runs `work` and tells how many cores the load, the servers and everything else kept busy meanwhile. */
export async function measureCpu<T>(
  pids: { client: number; servers: number[] },
  work: () => Promise<T>,
): Promise<{ result: T; busy: Busy }> {
  const read = async () => ({
    at: performance.now(),
    client: await cpuSecondsOf([pids.client]),
    servers: await cpuSecondsOf(pids.servers),
    machine: machineCpuSeconds(),
  });
  const before = await read();
  const result = await work();
  const after = await read();
  const seconds = (after.at - before.at) / 1_000;
  const client = (after.client - before.client) / seconds;
  const servers = (after.servers - before.servers) / seconds;
  const machine = (after.machine - before.machine) / seconds;
  return { result, busy: { client, servers, rest: Math.max(0, machine - client - servers) } };
}

/** Reads jobs from standard input and writes their results, one JSON line each: a load process's whole life. */
export async function serveJobs(handle: (job: unknown) => Promise<object>): Promise<void> {
  for await (const line of console) {
    const result = await handle(JSON.parse(line)).catch((error: unknown) => ({
      error: error instanceof Error ? error.message : String(error),
    }));
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}
