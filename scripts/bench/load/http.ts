/**
 * Sends one request over and over on kept-alive connections, one at a time on each, and checks every answer byte by
 * byte. It works on bare TCP, because fetch would cost several times what the servers cost.
 */
import type { Socket } from "bun";

import { percentile } from "../comparison.ts";
import { serveJobs } from "./driver.ts";

export interface HttpJob {
  port: number;
  /** One connection each. */
  lanes: LaneSpec[];
  durationMs: number;
}

export interface LaneSpec {
  /** The whole request as it goes over the wire. */
  request: string;
  /** What every answer's body must be, behind a status of 200. */
  body: string;
}

export interface HttpResult {
  requests: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** One connection and the request that is under way on it. */
interface Lane {
  request: Buffer;
  body: Buffer;
  sentAt: number;
  /** The beginning of an answer that has not come whole. */
  rest: Buffer | undefined;
}

const MAX_SAMPLES = 2 ** 21;
const DRAIN_TIMEOUT_MS = 10_000;
const HEAD_END = "\r\n\r\n";
const SHOWN_ANSWER_LENGTH = 300;

async function run(job: HttpJob): Promise<HttpResult> {
  const latencies = new Float64Array(MAX_SAMPLES);
  const ended = Promise.withResolvers<void>();
  // A connection may fail while others are still being opened, when nobody waits for the end yet.
  ended.promise.catch(() => undefined);
  let count = 0;
  let open = job.lanes.length;
  let deadline = Number.POSITIVE_INFINITY;

  function answered(socket: Socket<Lane>): void {
    const at = performance.now();
    if (at < deadline) {
      latencies[count % MAX_SAMPLES] = at - socket.data.sentAt;
      count += 1;
      socket.data.sentAt = at;
      socket.write(socket.data.request);
    } else if ((open -= 1) === 0) ended.resolve();
  }
  const handler = {
    data: (socket: Socket<Lane>, chunk: Buffer) => {
      const { rest, body } = socket.data;
      const bytes = rest ? Buffer.concat([rest, chunk]) : chunk;
      try {
        const whole = isAnswer(bytes, body);
        socket.data.rest = whole ? undefined : rest ? bytes : Buffer.from(bytes);
        if (whole) answered(socket);
      } catch (error) {
        ended.reject(error);
      }
    },
    close: () => ended.reject(new Error("Cannot go on: the server has closed a connection")),
    error: (_: Socket<Lane>, error: Error) => ended.reject(error),
  };
  const sockets = await Promise.all(
    job.lanes.map(({ request, body }) => {
      const data: Lane = {
        request: Buffer.from(request),
        body: Buffer.from(body),
        sentAt: 0,
        rest: undefined,
      };
      return Bun.connect({ hostname: "127.0.0.1", port: job.port, data, socket: handler });
    }),
  );
  const startedAt = performance.now();
  deadline = startedAt + job.durationMs;
  for (const socket of sockets) {
    socket.data.sentAt = startedAt;
    socket.write(socket.data.request);
  }
  const hung = () => ended.reject(new Error("Cannot finish: answers are missing"));
  const timer = setTimeout(hung, job.durationMs + DRAIN_TIMEOUT_MS);
  await ended.promise.finally(() => {
    clearTimeout(timer);
    for (const socket of sockets) socket.terminate();
  });
  const requestsPerSecond = count / (job.durationMs / 1_000);
  return { requests: count, requestsPerSecond, ...percentilesOf(latencies, count) };
}

function percentilesOf(latencies: Float64Array, count: number): { p50Ms: number; p99Ms: number } {
  const sorted = latencies.subarray(0, Math.min(count, MAX_SAMPLES)).toSorted();
  return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99) };
}

/** True for the right answer, false for its beginning. @throws for any other. */
function isAnswer(bytes: Buffer, body: Buffer): boolean {
  const head = bytes.indexOf(HEAD_END);
  const start = head + HEAD_END.length;
  if (head === -1 || bytes.length < start + body.length) return false;
  const fits =
    bytes.length === start + body.length &&
    bytes.toString("latin1", 9, 12) === "200" &&
    body.compare(bytes, start) === 0;
  if (fits) return true;
  throw new Error(`Cannot accept an answer: ${bytes.toString("latin1", 0, SHOWN_ANSWER_LENGTH)}`);
}

if (import.meta.main) await serveJobs((job) => run(job as HttpJob));
