import { CloseCode } from "./connection.ts";
import { EPHEMERAL_BYTES, HOLD_BYTES, SLOW_BYTES } from "./limits.ts";
import type { Socket } from "./socket_connection.ts";

/** The part of a socket that the flow looks at. */
export interface Flowing extends Pick<Socket, "getBufferedAmount" | "close" | "terminate"> {
  readonly data: Pick<Socket["data"], "lineBytes" | "room"> & {
    connection: Pick<NonNullable<Socket["data"]["connection"]>, "shed" | "restore"> | undefined;
  };
}

/** What all sockets have waiting, in bytes. */
export interface Flow {
  waitingBytes: number;
  closed: number;
}

/** What waits for a socket that is closed already: its last words go out behind it, for as long as Bun has patience. */
interface Parting {
  bytes: number;
  until: number;
}

export interface FlowBounds {
  maxBytes: number;
  /** Filled and emptied by each look. */
  parting: Parting[];
}

const PARTING_MS = 16_000;
/** After the cap was reached, this share of it is made free, so that not every look closes somebody. */
const FREED_SHARE = 0.25;

/**
 * Looks at what waits for each socket: a slow reader first loses what may be lost, and then its socket. What all of them
 * have waiting is bounded too; those who have the most of it go first, and without a goodbye, which would have to wait.
 */
export function regulate(sockets: Iterable<Flowing>, { maxBytes, parting }: FlowBounds): Flow {
  const loaded: { ws: Flowing; bytes: number }[] = [];
  const now = performance.now();
  while (parting[0] && parting[0].until <= now) parting.shift();
  const flow: Flow = {
    waitingBytes: parting.reduce((sum, { bytes }) => sum + bytes, 0),
    closed: 0,
  };
  for (const ws of sockets) {
    const buffered = ws.getBufferedAmount();
    const bytes = buffered + ws.data.lineBytes;
    if (buffered >= SLOW_BYTES && flow.waitingBytes + bytes <= maxBytes) {
      ws.close(CloseCode.slow, "slow");
      parting.push({ bytes: buffered, until: now + PARTING_MS });
      flow.waitingBytes += buffered;
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

/** Called when a client has read something. */
export function relax(ws: Flowing): void {
  if (ws.getBufferedAmount() < EPHEMERAL_BYTES) ws.data.connection?.restore();
  release(ws);
}

/** Whoever waits for room looks again. */
export function release({ data }: Pick<Flowing, "data">): void {
  data.room?.resolve();
  data.room = undefined;
}

/** Resolves when the client has read enough of its answers to be given more; undefined where it has. */
export function roomFor(
  ws: Pick<Socket, "data" | "getBufferedAmount" | "readyState">,
): Promise<void> | undefined {
  return isFull(ws) ? waitForRoom(ws) : undefined;
}

async function waitForRoom(ws: Parameters<typeof roomFor>[0]): Promise<void> {
  while (isFull(ws)) {
    ws.data.room ??= Promise.withResolvers();
    await ws.data.room.promise;
  }
}

function isFull(ws: Parameters<typeof roomFor>[0]): boolean {
  const isOpen = ws.readyState === WebSocket.OPEN && !ws.data.isLeaving;
  return isOpen && ws.getBufferedAmount() >= HOLD_BYTES;
}
