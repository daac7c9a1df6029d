import { totalmem } from "node:os";

import type { WebSocketHandler } from "bun";

import { AppError, Overloaded } from "../errors.ts";
import type { Log } from "../log.ts";
import { judge } from "../problems.ts";
import { type Authenticate, createAuthorities } from "./authority.ts";
import { CloseCode } from "./connection.ts";
import { createDispatch, type FrameHandlers, onFrame } from "./dispatch.ts";
import { drainSockets } from "./drain.ts";
import { type Flow, type FlowBounds, regulate, relax, release, roomFor } from "./flow.ts";
import { type Heartbeat, Heartbeat as HeartbeatSchema, type Hello } from "./frames.ts";
import { helloReply, readHello } from "./hello.ts";
import type { Hub } from "./hub.ts";
import {
  CUT_OFF_BYTES,
  HELLO_TIMEOUT_MS,
  type Limits,
  MAX_FRAME_BYTES,
  MEMORY_SHARE,
  SILENCE_MS,
} from "./limits.ts";
import { putInLine, takeFirst, takeLine } from "./line.ts";
import type { SocketPart } from "./part.ts";
import type { HeartbeatOk } from "./protocol.ts";
import { createRates, tooFast } from "./rate.ts";
import {
  newSocketData,
  type Socket,
  SocketConnection,
  type SocketData,
} from "./socket_connection.ts";

/** What a gateway holds at the moment; all of it is back to zero when the last socket has gone. */
export interface GatewayGauges extends Flow {
  sockets: number;
  authorities: number;
}

export interface Gateway {
  handler: WebSocketHandler<SocketData>;
  /**
   * Whether one more socket may be opened. @throws AppError overloaded when there are too many or the instance is being
   * stopped, rate_limited when this caller opens them too fast.
   */
  admit(caller: string): void;
  newSocket(origin: string | undefined): SocketData;
  /** Lets nobody in any more, tells every socket to come back elsewhere, and closes it. */
  drain(): Promise<void>;
  close(): void;
  gauges(): GatewayGauges;
}

export interface GatewayOptions {
  hub: () => Hub;
  handlers: FrameHandlers;
  /** The authority that a ticket or an access token gives. */
  authenticate: Authenticate;
  /** Told of every socket that has said hello. */
  parts: SocketPart[];
  limits: Limits;
  /** Of which a share may wait for all sockets together; that of the machine where it is not known. */
  memoryBytes?: number;
  helloTimeoutMs?: number;
  nodeId: string;
  now: () => Date;
  log: Log;
}

const SWEEP_MS = 5_000;
const FLOW_MS = 500;
/** Some 2 MB. */
const MAX_CALLERS = 10_000;
const BUSY_RETRY_S = 5;

/** The native WebSocket door of `frm.v1`: hello within its time, then frames in order, until either side ends it. */
export function createGateway(options: GatewayOptions): Gateway {
  const { limits, log, helloTimeoutMs = HELLO_TIMEOUT_MS } = options;
  const sockets = new Set<Socket>();
  const authorities = createAuthorities(options);
  const own = { hb: heartbeat(options), tok: authorities.renew };
  const parts = options.parts.map(({ handlers }) => handlers ?? {});
  const dispatch = createDispatch(Object.assign({}, options.handlers, ...parts, own));
  const connects = createRates({
    rate: limits.connects,
    now: () => performance.now(),
    maxSubjects: MAX_CALLERS,
  });
  const maxBytes = (options.memoryBytes || totalmem()) * MEMORY_SHARE;
  const bounds: FlowBounds = { maxBytes, parting: [] };
  const draining = new AbortController();
  let flow: Flow = { waitingBytes: 0, closed: 0 };

  const sweeper = setInterval(() => {
    sweep(sockets);
    authorities.sweep();
  }, SWEEP_MS);
  const regulator = setInterval(() => {
    flow = regulate(sockets, bounds);
    if (flow.closed > 0) log.warn("closed sockets that read too slowly", { ...flow });
  }, FLOW_MS);

  async function greet(ws: Socket, hello: Hello): Promise<void> {
    const { origin } = ws.data;
    const granted = await options.authenticate({ token: hello.tok, origin });
    if (ws.readyState !== WebSocket.OPEN) return;
    const connection = new SocketConnection(ws, granted);
    await options.hub().attach(connection, (memberships, ownSeq) => {
      clearTimeout(ws.data.helloTimer);
      ws.data.helloTimer = undefined;
      ws.data.connection = connection;
      const { nodeId } = options;
      const greeting = { connection, hello, memberships, ownSeq, nodeId, limits };
      ws.send(JSON.stringify(helloReply({ ...greeting, now: options.now() })));
    });
    // The socket may have gone while it was being attached.
    if (ws.readyState !== WebSocket.OPEN) return options.hub().detach(connection);
    for (const part of options.parts) part.attach?.(connection, hello);
    authorities.begin(connection, { ...granted, origin });
  }
  async function open(ws: Socket, message: string | Buffer): Promise<void> {
    const hello = readHello(message);
    if ("code" in hello) return ws.close(hello.code, hello.reason);
    // It has come in time. How long we take for it is not the client's fault, and 4408 would send it away for good.
    clearTimeout(ws.data.helloTimer);
    ws.data.helloTimer = setTimeout(giveUp, GREET_TIMEOUT_MS, ws);
    try {
      await greet(ws, hello);
    } catch (error) {
      const { kind, bug } = judge(error);
      if (bug) log.error("a hello failed", { error });
      ws.close(CLOSES[kind.status] ?? CloseCode.restart, kind.code);
    }
  }
  async function handle(ws: Socket, connection: SocketConnection): Promise<void> {
    await dispatch(takeLine(ws, limits.frames), {
      connection,
      reply: (frames, { isBatch }) => {
        const texts = frames.map((frame) =>
          typeof frame === "string" ? frame : JSON.stringify(frame),
        );
        const messages = isBatch && texts.length > 1 ? [`[${texts.join(",")}]`] : texts;
        ws.cork(() => {
          for (const text of messages) connection.send(text);
        });
      },
      isOpen: () => ws.readyState === WebSocket.OPEN,
      room: () => roomFor(ws),
      onError: (error) => {
        if (judge(error).bug) log.error("a frame failed", { error });
      },
    });
  }
  async function empty(ws: Socket): Promise<void> {
    const { data } = ws;
    while (data.line && data.line.length > 0 && ws.readyState === WebSocket.OPEN) {
      if (data.connection) await handle(ws, data.connection);
      else await open(ws, takeFirst(ws));
    }
  }

  return {
    admit: (caller) => {
      if (draining.signal.aborted || sockets.size >= limits.sockets)
        throw new AppError(Overloaded, "Cannot open one more socket", {
          headers: { "retry-after": String(BUSY_RETRY_S) },
        });
      const { admitted, waitMs } = connects.take(caller, 1);
      if (admitted < 1) throw tooFast(waitMs);
    },
    newSocket: newSocketData,
    handler: {
      maxPayloadLength: MAX_FRAME_BYTES,
      backpressureLimit: CUT_OFF_BYTES,
      // A socket that cannot keep up is closed and resumes; silently losing frames would be worse.
      closeOnBackpressureLimit: true,
      idleTimeout: 120,
      perMessageDeflate: false,
      open: (ws) => {
        sockets.add(ws);
        ws.data.helloTimer = setTimeout(endSilent, helloTimeoutMs, ws);
      },
      message: (ws, message) => {
        const { data } = ws;
        data.lastInboundAt = performance.now();
        putInLine(ws, message);
        data.handling ??= empty(ws).finally(() => (data.handling = undefined));
      },
      drain: relax,
      close: (ws) => {
        sockets.delete(ws);
        clearTimeout(ws.data.helloTimer);
        release(ws);
        const { connection } = ws.data;
        if (!connection) return;
        options.hub().detach(connection);
        for (const part of options.parts) part.detach(connection);
        authorities.end(connection);
      },
    },
    drain: async () => {
      draining.abort();
      for (const ws of sockets) {
        ws.data.isLeaving = true;
        release(ws);
      }
      await drainSockets(sockets, AbortSignal.timeout(DRAIN_LIMIT_MS));
    },
    close: () => {
      clearInterval(sweeper);
      clearInterval(regulator);
    },
    gauges: () => ({ ...flow, sockets: sockets.size, authorities: authorities.count() }),
  };
}

/** Of a hello that is refused; whatever else went wrong may go better in a while. */
const CLOSES: Partial<Record<number, number>> = {
  401: CloseCode.sessionEnded,
  403: CloseCode.banned,
};
/** A pause between two batches is cut short by this; those that are left then are moved at once. */
const DRAIN_LIMIT_MS = 14_000;

/** A hello that takes this long may go better elsewhere. */
const GREET_TIMEOUT_MS = 30_000;

function giveUp(ws: Socket): void {
  ws.close(CloseCode.restart, "overloaded");
}

function endSilent(ws: Socket): void {
  ws.close(CloseCode.noHello, "no_hello");
}

/** Answers positions, so that a client finds what it has silently missed. */
function heartbeat(options: GatewayOptions) {
  const handler = onFrame(HeartbeatSchema, async (frame: Heartbeat, connection) => {
    const top: Record<string, number> = {};
    for (const channel of Object.keys(frame.p ?? {})) {
      const position = options.hub().positionOf(connection, channel);
      if (position !== undefined) top[channel] = position;
    }
    const number = frame.i === undefined ? {} : { i: frame.i };
    return { t: "hb.ok", ...number, ts: options.now().getTime(), top } satisfies HeartbeatOk;
  });
  return { ...handler, isInstant: true };
}

/** Bun's own idle time is reset by what we send, so a peer that is gone would be pushed to for ever. */
function sweep(sockets: Set<Socket>): void {
  const horizon = performance.now() - SILENCE_MS;
  for (const ws of sockets)
    if (ws.data.lastInboundAt < horizon) ws.close(CloseCode.noHeartbeat, "no_heartbeat");
}
