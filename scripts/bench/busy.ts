import { readFileSync } from "node:fs";
import { cpus } from "node:os";

import { median } from "./comparison.ts";
import type { Series } from "./rounds.ts";

/** Cores that were busy on average. */
export interface Busy {
  client: number;
  servers: number;
  /**
   * Postgres, Redis, and whatever else ran on the machine. The kernel counts processes and the machine apart, so this may
   * fall a little below 0 where nothing else ran; it is shown as it is.
   */
  rest: number;
}

/** The kernel counts time in these, on every Linux that Bun runs on. */
const TICKS_PER_SECOND = 100;
const BYSTANDER_WATCH_MS = 2_000;
/** What an idle machine's own housekeeping may take. */
const QUIET_CORES = 0.1;

export interface Measured<T> {
  result: T;
  busy: Busy;
  /** Processor time of the servers, which other work on the machine changes far less than it changes any speed. */
  serverSeconds: number;
}

/** Runs `work` and tells how many cores the load, the servers and everything else kept busy meanwhile. */
export async function measureCpu<T>(
  pids: { client: number; servers: number[] },
  work: () => Promise<T>,
): Promise<Measured<T>> {
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
  const serverSeconds = after.servers - before.servers;
  const servers = serverSeconds / seconds;
  const machine = (after.machine - before.machine) / seconds;
  const rest = machine - client - servers;
  return { result, busy: { client, servers, rest }, serverSeconds };
}

/** Says so where other work was running before the bench began. */
export async function bystanderNotes(): Promise<string[]> {
  const before = machineCpuSeconds();
  await Bun.sleep(BYSTANDER_WATCH_MS);
  const cores = (machineCpuSeconds() - before) / (BYSTANDER_WATCH_MS / 1_000);
  if (cores < QUIET_CORES) return [];
  return [
    `NOT QUIET: before the start other work kept ${cores.toFixed(2)} cores busy; do not trust these numbers`,
  ];
}

/** One line for each side that was measured: who was busy tells what its number is limited by. */
export function busyNotes(all: Series[]): string[] {
  return all
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, samples }) => {
      const cores = (key: keyof Busy) => median(samples.map((sample) => sample[key] ?? 0));
      const [servers, client, rest] = [cores("servers"), cores("client"), cores("rest")].map(
        (value) => value.toFixed(2),
      );
      return `cores busy, ${name}: servers ${servers}, load ${client}, Postgres, Redis and all else ${rest}`;
    });
}

/** Processor seconds that these processes have used so far; 0 where the system does not tell. */
async function cpuSecondsOf(pids: number[]): Promise<number> {
  const stats = await Promise.all(
    pids.map((pid) =>
      Bun.file(`/proc/${pid}/stat`)
        .text()
        .catch(() => ""),
    ),
  );
  let ticks = 0;
  for (const stat of stats) {
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th field behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Processor seconds that the whole machine has spent on anything but waiting. */
function machineCpuSeconds(): number {
  if (process.platform === "linux") return busySecondsIn(readFileSync("/proc/stat", "utf8"));
  let busyMs = 0;
  for (const { times } of cpus()) busyMs += times.user + times.nice + times.sys + times.irq;
  return busyMs / 1_000;
}

/**
 * Reads the first line of `/proc/stat`. Unlike `os.cpus()` it has softirq, where much of the network's work is done, and
 * steal, the time in which another machine had our processor; time of guests is counted in user and nice already.
 */
export function busySecondsIn(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = stat
    .slice(0, stat.indexOf("\n"))
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}
