import { CloseCode } from "./connection.ts";
import { EPHEMERAL_BYTES, SLOW_BYTES } from "./limits.ts";
import type { Socket } from "./socket_connection.ts";

/** The part of a socket that the flow looks at. */
export interface Flowing extends Pick<Socket, "getBufferedAmount" | "close" | "terminate"> {
  readonly data: Pick<Socket["data"], "lineBytes"> & {
    connection: Pick<NonNullable<Socket["data"]["connection"]>, "shed" | "restore"> | undefined;
  };
}

/** What all sockets have waiting, in bytes. */
export interface Flow {
  waitingBytes: number;
  closed: number;
}

/** After the cap was reached, this share of it is made free, so that not every look closes somebody. */
const FREED_SHARE = 0.25;

/**
 * Looks at what waits for each socket: a slow reader first loses what may be lost, and then its socket. What all of them
 * have waiting is bounded too; those who have the most of it go first, and without a goodbye, which would have to wait.
 */
export function regulate(sockets: Iterable<Flowing>, maxBytes: number): Flow {
  const loaded: { ws: Flowing; bytes: number }[] = [];
  const flow: Flow = { waitingBytes: 0, closed: 0 };
  for (const ws of sockets) {
    const buffered = ws.getBufferedAmount();
    const bytes = buffered + ws.data.lineBytes;
    if (buffered >= SLOW_BYTES) {
      ws.close(CloseCode.slow, "slow");
      flow.closed += 1;
      continue;
    }
    if (buffered >= EPHEMERAL_BYTES) ws.data.connection?.shed();
    if (bytes > 0) loaded.push({ ws, bytes });
    flow.waitingBytes += bytes;
  }
  if (flow.waitingBytes > maxBytes) relieve(loaded, { flow, goal: maxBytes * (1 - FREED_SHARE) });
  return flow;
}

function relieve(
  loaded: { ws: Flowing; bytes: number }[],
  { flow, goal }: { flow: Flow; goal: number },
): void {
  for (const { ws, bytes } of loaded.toSorted((one, other) => other.bytes - one.bytes)) {
    if (flow.waitingBytes <= goal) return;
    ws.terminate();
    flow.waitingBytes -= bytes;
    flow.closed += 1;
  }
}

/** Called when a socket has read what waited for it. */
export function relax(ws: Flowing): void {
  if (ws.getBufferedAmount() < EPHEMERAL_BYTES) ws.data.connection?.restore();
}
