import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { kill, pid as ownPid, platform } from "node:process";

import { waitUntil } from "./wait.ts";

const KILL_WAIT_MS = 5000;

/** How to recognise the processes of one server on one folder, so that no other is ever signalled. */
export interface ServerTraits {
  /** The folder the server works in, with symbolic links resolved. */
  dir: string;
  /** What the name of its executable starts with. */
  names: readonly string[];
  /** The file into which the server writes its pid, in its first line. */
  pidFile: string;
}

/**
 * The living processes of a server on its folder. Linux tells the working folder of each process, which
 * also finds the children of a postmaster that is gone; elsewhere only the process in the pid file is known.
 */
export function findServerProcesses(traits: ServerTraits): number[] {
  if (platform !== "linux") {
    const pid = readPidFile(traits.pidFile);
    return pid !== undefined && runsOn(pid, traits) ? [pid] : [];
  }
  const pids = readdirSync("/proc").map(Number);
  return pids.filter((pid) => pid > 1 && pid !== ownPid && worksIn(pid, traits));
}

/** The first line of a pid file, unless it is missing or no pid. */
export function readPidFile(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the process is the server's main one; it alone was started with the folder as an argument. */
export function runsOn(pid: number, traits: ServerTraits): boolean {
  const command = commandOf(pid);
  const isNamed = traits.names.some((name) => command.includes(name));
  return isNamed && `${command} `.includes(` ${traits.dir} `);
}

/** Ends what an earlier life left behind on this folder. @returns whether anything was there. */
export async function endLeftovers(traits: ServerTraits, signal: NodeJS.Signals): Promise<boolean> {
  const found = findServerProcesses(traits);
  if (found.length === 0) return false;
  for (const pid of found) if (runsOn(pid, traits)) send(pid, signal);
  const areGone = () => findServerProcesses(traits).length === 0;
  if (await waitUntil(KILL_WAIT_MS, areGone)) return true;
  for (const pid of findServerProcesses(traits)) send(pid, "SIGKILL");
  await waitUntil(KILL_WAIT_MS, areGone);
  return true;
}

function worksIn(pid: number, traits: ServerTraits): boolean {
  try {
    // A zombie has no working folder any more, so it does not count as alive.
    if (readlinkSync(`/proc/${pid}/cwd`) !== traits.dir) return false;
    const name = readFileSync(`/proc/${pid}/comm`, "utf8");
    return traits.names.some((known) => name.startsWith(known));
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  if (platform === "linux") {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    } catch {
      return "";
    }
  }
  const shown = Bun.spawnSync(["ps", "-ww", "-o", "command=", "-p", String(pid)]);
  return shown.stdout.toString().trim();
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    kill(pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}
