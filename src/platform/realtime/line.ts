import { CloseCode } from "./connection.ts";
import { readMessage, type Waiting } from "./frames.ts";
import {
  MAX_VIOLATIONS,
  MAX_WAITING,
  MAX_WAITING_BYTES,
  type Rate,
  VIOLATION_MS,
} from "./limits.ts";
import { takeFrom, tooFast } from "./rate.ts";
import type { Socket, SocketData } from "./socket_connection.ts";

type Lined = Pick<Socket, "close"> & { readonly data: SocketData };

/** Puts a message at the end of the socket's line. A client that sends more than fits does not listen to its answers. */
export function putInLine(ws: Lined, message: string | Buffer): void {
  const { data } = ws;
  const line = (data.line ??= []);
  data.lineBytes += message.length;
  if (line.length >= MAX_WAITING || data.lineBytes > MAX_WAITING_BYTES)
    return ws.close(CloseCode.tooManyRequests, "rate_limited");
  line.push(message);
}

/** Takes the first message out of the line. */
export function takeFirst({ data }: Lined): string | Buffer {
  const message = data.line?.shift() ?? "";
  data.lineBytes -= message.length;
  return message;
}

/** Takes all frames out of the line; those that are too many for the rate of the socket are refused in their place. */
export function takeLine(ws: Lined, rate: Rate): Waiting[] {
  const { data } = ws;
  const messages = data.line ?? [];
  data.line = undefined;
  data.lineBytes = 0;
  const waiting = messages.flatMap(readMessage);
  const now = performance.now();
  const taken = takeFrom(rate, data.frames, { now, wanted: waiting.length });
  data.frames = taken.state;
  if (taken.admitted === waiting.length) return waiting;
  noteViolation(ws, now);
  const error = tooFast(taken.waitMs);
  return waiting.map((each, at) => (at < taken.admitted ? each : { ...each, error }));
}

/** One slip is forgiven; a client that goes on and on without regard to `after` is closed. */
function noteViolation(ws: Lined, now: number): void {
  const { data } = ws;
  const age = now - data.violatedAt;
  if (age < VIOLATION_MS) return;
  data.violations = age < 2 * VIOLATION_MS ? data.violations + 1 : 1;
  data.violatedAt = now;
  if (data.violations >= MAX_VIOLATIONS) ws.close(CloseCode.tooManyRequests, "rate_limited");
}
