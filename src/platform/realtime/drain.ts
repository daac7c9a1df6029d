import { pause } from "../time.ts";
import { CloseCode } from "./connection.ts";
import type { Away } from "./protocol.ts";
import type { Socket } from "./socket_connection.ts";

/** The part of a socket that a drain needs. */
export type Drained = Pick<Socket, "send" | "close"> & {
  readonly data: Pick<Socket["data"], "handling">;
};

/** Sockets are moved in so many batches at most, this long apart: 12.5 s, which the stop of an instance has. */
const BATCHES = 50;
const BATCH_PAUSE_MS = 250;
/** So few at once are no stampede, and waiting for them would only make stops longer. */
const MIN_BATCH = 100;
/** The clients of one batch come back within this time; that of a small instance is shorter, because few come. */
const MAX_SPREAD_MS = 8_000;
const MIN_SPREAD_MS = 1_000;
const SPREAD_MS_PER_SOCKET = 5;

/**
 * Moves all sockets to other instances. What a client had sent is handled and answered first. Each is told to come back
 * after a random time, and one batch is told after the other, so that the rate at which they arrive elsewhere is bounded.
 */
export async function drainSockets(
  sockets: ReadonlySet<Drained>,
  signal: AbortSignal,
): Promise<void> {
  const all = [...sockets];
  const size = Math.max(MIN_BATCH, Math.ceil(all.length / BATCHES));
  const away = JSON.stringify(awayFrame(all.length));
  const moving: Promise<void>[] = [];
  for (let at = 0; at < all.length; at += size) {
    if (at > 0) await pause(BATCH_PAUSE_MS, signal);
    // Whoever has gone by itself meanwhile is told nothing.
    const batch = all.slice(at, at + size).filter((ws) => sockets.has(ws));
    moving.push(...batch.map((ws) => move(ws, away)));
  }
  await Promise.allSettled(moving);
}

function awayFrame(count: number): Away {
  const spread = Math.min(MAX_SPREAD_MS, Math.max(MIN_SPREAD_MS, count * SPREAD_MS_PER_SOCKET));
  return { t: "away", in: [0, spread], why: "deploy" };
}

async function move(ws: Drained, away: string): Promise<void> {
  await ws.data.handling;
  ws.send(away);
  ws.close(CloseCode.drain, "drain");
}
