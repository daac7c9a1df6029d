import type { ServerWebSocket, WebSocketHandler } from "bun";

import type { Log } from "../log.ts";
import { judge } from "../problems.ts";
import { pause } from "../time.ts";
import { type Authenticate, createAuthorities } from "./authority.ts";
import { CloseCode, type Connection, type SocketPart } from "./connection.ts";
import { createDispatch, type FrameHandlers, onFrame, type Waiting } from "./dispatch.ts";
import {
  asHello,
  type Heartbeat,
  Heartbeat as HeartbeatSchema,
  type Hello,
  MAX_FRAME_BYTES,
  readFrames,
} from "./frames.ts";
import type { AttachedMembership, Hub } from "./hub.ts";
import type { Away, HeartbeatOk, HelloOk } from "./protocol.ts";

/** What hangs on each socket from its first byte on. */
export interface SocketData {
  /** Of the page that has opened it; undefined for a client that is no browser. */
  origin: string | undefined;
  connection: Connection | undefined;
  /** Messages that wait for their turn: they are handled in order, so that what a client sends keeps it. */
  line: (string | Buffer)[];
  isHandling: boolean;
  /** Resolves when the line is empty. */
  tail: Promise<void>;
  lastInboundAt: number;
  helloTimer: Timer | undefined;
}

export interface Gateway {
  handler: WebSocketHandler<SocketData>;
  newSocket(origin: string | undefined): SocketData;
  /** Tells every socket to come back elsewhere and closes it. */
  drain(): Promise<void>;
  close(): void;
  count(): number;
}

export interface GatewayOptions {
  hub: () => Hub;
  handlers: FrameHandlers;
  /** Told of every socket that has said hello. */
  parts: SocketPart[];
  /** The authority that a ticket or an access token gives. */
  authenticate: Authenticate;
  nodeId: string;
  now: () => Date;
  log: Log;
}

type Socket = ServerWebSocket<SocketData>;

export const HELLO_TIMEOUT_MS = 5_000;
export const MAX_HELLO_LENGTH = 32_768;
export const HEARTBEAT_MS = 25_000;
export const SILENCE_MS = 60_000;
const SWEEP_MS = 5_000;
/** Messages of one socket that may wait for their turn; a client that sends more does not listen to its acks. */
export const MAX_WAITING = 2_048;
export const BACKPRESSURE_BYTES = 1_048_576;
const DRAIN_BATCH = 100;
const DRAIN_SPREAD_MS = 8_000;

/** The native WebSocket door of `frm.v1`: hello within its time, then frames in order, until either side ends it. */
export function createGateway(options: GatewayOptions): Gateway {
  const sockets = new Set<Socket>();
  const authorities = createAuthorities(options);
  const own = { hb: heartbeat(options), tok: authorities.renew };
  const dispatch = createDispatch({ ...options.handlers, ...own });
  const sweeper = setInterval(() => {
    sweep(sockets);
    authorities.sweep();
  }, SWEEP_MS);

  async function greet(ws: Socket, hello: Hello): Promise<void> {
    const { origin } = ws.data;
    const granted = await options.authenticate({ token: hello.tok, origin });
    if (ws.readyState !== WebSocket.OPEN) return;
    const connection = createConnection(ws, granted);
    await options.hub().attach(connection, (memberships, ownSeq) => {
      clearTimeout(ws.data.helloTimer);
      ws.data.connection = connection;
      ws.send(JSON.stringify(helloReply({ connection, hello, memberships, ownSeq, options })));
    });
    // The socket may have gone while it was being attached.
    if (ws.readyState !== WebSocket.OPEN) return options.hub().detach(connection);
    authorities.begin(connection, { ...granted, origin });
  }
  async function open(ws: Socket, message: string | Buffer): Promise<void> {
    const hello = readHello(message);
    if (!hello) return ws.close(CloseCode.unreadable, "hello_expected");
    try {
      await greet(ws, hello);
    } catch (error) {
      const { kind, bug } = judge(error);
      if (bug) options.log.error("a hello failed", { error });
      if (kind.status === 401) return ws.close(CloseCode.sessionEnded, kind.code);
      ws.close(CloseCode.restart, kind.code);
    }
  }
  async function handle(ws: Socket, connection: Connection): Promise<void> {
    await dispatch(ws.data.line.splice(0).flatMap(readWaiting), {
      connection,
      reply: (frames) => {
        ws.cork(() => {
          for (const frame of frames) ws.send(JSON.stringify(frame));
        });
      },
      isOpen: () => ws.readyState === WebSocket.OPEN,
      onError: (error) => {
        if (judge(error).bug) options.log.error("a frame failed", { error });
      },
    });
  }
  async function empty(ws: Socket): Promise<void> {
    const { data } = ws;
    data.isHandling = true;
    try {
      while (data.line.length > 0 && ws.readyState === WebSocket.OPEN) {
        if (data.connection) await handle(ws, data.connection);
        else await open(ws, data.line.shift() ?? "");
      }
    } finally {
      data.isHandling = false;
    }
  }

  return {
    newSocket: (origin) => ({
      origin,
      connection: undefined,
      line: [],
      isHandling: false,
      tail: Promise.resolve(),
      lastInboundAt: performance.now(),
      helloTimer: undefined,
    }),
    handler: {
      maxPayloadLength: MAX_FRAME_BYTES,
      backpressureLimit: BACKPRESSURE_BYTES,
      // A socket that cannot keep up is closed and resumes; silently losing frames would be worse.
      closeOnBackpressureLimit: true,
      idleTimeout: 120,
      perMessageDeflate: false,
      open: (ws) => {
        sockets.add(ws);
        const late = () => ws.close(CloseCode.noHello, "no_hello");
        ws.data.helloTimer = setTimeout(late, HELLO_TIMEOUT_MS);
      },
      message: (ws, message) => {
        const { data } = ws;
        data.lastInboundAt = performance.now();
        if (data.line.length >= MAX_WAITING)
          return ws.close(CloseCode.tooManyRequests, "rate_limited");
        data.line.push(message);
        if (!data.isHandling) data.tail = empty(ws);
      },
      close: (ws) => {
        sockets.delete(ws);
        clearTimeout(ws.data.helloTimer);
        const { connection } = ws.data;
        if (!connection) return;
        options.hub().detach(connection);
        for (const part of options.parts) part.detach(connection);
        authorities.end(connection);
      },
    },
    drain: () => drain(sockets),
    close: () => clearInterval(sweeper),
    count: () => sockets.size,
  };
}

function createConnection(
  ws: Socket,
  { userId, sessionId }: { userId: string; sessionId: string },
): Connection {
  return {
    id: Bun.randomUUIDv7(),
    userId,
    sessionId,
    send: (text) => void ws.send(text),
    join: (channel) => void ws.subscribe(channel),
    leave: (channel) => void ws.unsubscribe(channel),
    close: (code, reason) => ws.close(code, reason),
  };
}

function readHello(message: string | Buffer): Hello | undefined {
  if (typeof message !== "string" || message.length > MAX_HELLO_LENGTH) return undefined;
  try {
    const frames = readFrames(message);
    return frames.length === 1 ? asHello(frames[0]) : undefined;
  } catch {
    return undefined;
  }
}

function readWaiting(message: string | Buffer): Waiting[] {
  try {
    return readFrames(typeof message === "string" ? message : "").map((frame) => ({ frame }));
  } catch (error) {
    return [{ error }];
  }
}

interface HelloContext {
  connection: Connection;
  hello: Hello;
  memberships: AttachedMembership[];
  ownSeq: number;
  options: GatewayOptions;
}

function helloReply({ connection, hello, memberships, ownSeq, options }: HelloContext): HelloOk {
  const { since, focus } = hello;
  const changed = memberships.filter(
    ({ channel, seq, changedAt }) =>
      (since !== undefined && changedAt > since) || (focus?.[channel] ?? seq) < seq,
  );
  return {
    t: "hello.ok",
    ...(hello.i === undefined ? {} : { i: hello.i }),
    sid: connection.id,
    node: options.nodeId,
    hb: HEARTBEAT_MS,
    ts: options.now().getTime(),
    u: ownSeq,
    lim: { frame: MAX_FRAME_BYTES },
    chg: Object.fromEntries(changed.map(({ channel, seq }) => [channel, seq])),
  };
}

/** Answers positions, so that a client finds what it has silently missed. */
function heartbeat(options: GatewayOptions) {
  return onFrame(HeartbeatSchema, async (frame: Heartbeat, connection) => {
    const top: Record<string, number> = {};
    for (const channel of Object.keys(frame.p ?? {})) {
      const position = options.hub().positionOf(connection, channel);
      if (position !== undefined) top[channel] = position;
    }
    const number = frame.i === undefined ? {} : { i: frame.i };
    return { t: "hb.ok", ...number, ts: options.now().getTime(), top } satisfies HeartbeatOk;
  });
}

/** Bun's own idle time is reset by what we send, so a peer that is gone would be pushed to for ever. */
function sweep(sockets: Set<Socket>): void {
  const horizon = performance.now() - SILENCE_MS;
  for (const ws of sockets)
    if (ws.data.lastInboundAt < horizon) ws.close(CloseCode.noHeartbeat, "no_heartbeat");
}

/** Resolves when every socket has been told and closed; what its client had sent before is handled first. */
async function drain(sockets: Set<Socket>): Promise<void> {
  const away = JSON.stringify({
    t: "away",
    in: [0, DRAIN_SPREAD_MS],
    why: "deploy",
  } satisfies Away);
  const closing: Promise<void>[] = [];
  for (const ws of sockets) {
    closing.push(
      ws.data.tail.finally(() => {
        ws.send(away);
        ws.close(CloseCode.drain, "drain");
      }),
    );
    if (closing.length % DRAIN_BATCH === 0) await pause(10, AbortSignal.timeout(1_000));
  }
  await Promise.allSettled(closing);
}
