import { readFileSync } from "node:fs";

export interface SocketMemory {
  /** Resident memory of the process. */
  processKb: number;
  /** The kernel's structures and the buffers of its TCP sockets, of the whole machine. */
  kernelKb: number;
}

/** Descriptors that a process has beside its sockets. */
const OTHER_DESCRIPTORS = 500;
const PAGE_KB = 4;
/** Bun collects its garbage after half a minute in which nothing has changed. */
const SETTLE_MS = 35_000;

/** @throws with the limit that is too small, and what to do about it. */
export async function assertRoomForSockets(count: number): Promise<void> {
  const descriptors = Number((await Bun.$`sh -c "ulimit -n"`.text()).trim());
  if (descriptors < count + OTHER_DESCRIPTORS)
    throw new Error(
      `Cannot open ${count} sockets: a process may have ${descriptors} descriptors; raise it with: ulimit -n ${count + OTHER_DESCRIPTORS}`,
    );
  const [first = 0, last = 0] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8")
    .trim()
    .split(/\s+/)
    .map(Number);
  if (last - first < count + OTHER_DESCRIPTORS)
    throw new Error(
      `Cannot open ${count} sockets: there are only ${last - first} local ports; widen them with: sysctl -w net.ipv4.ip_local_port_range="1024 65535"`,
    );
}

export async function readSocketMemory(pid: number): Promise<SocketMemory> {
  await Bun.sleep(SETTLE_MS);
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const processKb = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  const slabKb = Number(/^Slab:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);
  const pages = Number(/^TCP:.* mem (\d+)/m.exec(readFileSync("/proc/net/sockstat", "utf8"))?.[1]);
  return { processKb, kernelKb: slabKb + pages * PAGE_KB };
}
