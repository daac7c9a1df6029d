import type { ServerWebSocket } from "bun";

import { CloseCode, type Connection, ephemeralTopic } from "./connection.ts";
import { EPHEMERAL_BYTES, SLOW_BYTES } from "./limits.ts";
import type { RateState } from "./rate.ts";

/** What hangs on each socket from its first byte on. There are many of them, so it is small. */
export interface SocketData {
  /** Of the page that has opened it; undefined for a client that is no browser. */
  origin: string | undefined;
  connection: SocketConnection | undefined;
  /** Messages that wait for their turn: they are handled in order, so that what a client sends keeps it. */
  line: (string | Buffer)[] | undefined;
  lineBytes: number;
  /** Resolves when the line is empty; undefined while nothing is in hand. */
  handling: Promise<void> | undefined;
  /** Resolves when the client has read something; undefined while nobody waits for that. */
  room: PromiseWithResolvers<void> | undefined;
  /** Whether the instance is being stopped: then nobody is waited for. */
  isLeaving: boolean;
  lastInboundAt: number;
  helloTimer: Timer | undefined;
  frames: RateState;
  /** Times in a row that the rate of frames was overstepped, and when the last of them began. */
  violations: number;
  violatedAt: number;
}

export type Socket = ServerWebSocket<SocketData>;

export function newSocketData(origin: string | undefined): SocketData {
  return {
    origin,
    connection: undefined,
    line: undefined,
    lineBytes: 0,
    handling: undefined,
    room: undefined,
    isLeaving: false,
    lastInboundAt: performance.now(),
    helloTimer: undefined,
    frames: 0,
    violations: 0,
    violatedAt: Number.NEGATIVE_INFINITY,
  };
}

/** A socket of Bun's that has said hello. A class, so that thousands of them share their functions. */
export class SocketConnection implements Connection {
  readonly id = Bun.randomUUIDv7();
  readonly userId: string;
  readonly sessionId: string;
  readonly #socket: Socket;
  /** Topics that the socket is kept out of until it has read what waits for it; undefined while it reads in time. */
  #shed: Set<string> | undefined;

  constructor(socket: Socket, { userId, sessionId }: { userId: string; sessionId: string }) {
    this.#socket = socket;
    this.userId = userId;
    this.sessionId = sessionId;
  }

  send(text: string): void {
    this.#socket.send(text);
    if (this.#socket.getBufferedAmount() >= SLOW_BYTES) this.close(CloseCode.slow, "slow");
  }

  sendEphemeral(text: string): void {
    if (this.#shed === undefined && this.#socket.getBufferedAmount() < EPHEMERAL_BYTES)
      this.#socket.send(text);
  }

  join(channel: string): void {
    this.#socket.subscribe(channel);
  }

  leave(channel: string): void {
    this.#socket.unsubscribe(channel);
    this.unwatch(channel);
  }

  watch(channel: string): void {
    const topic = ephemeralTopic(channel);
    if (this.#shed) this.#shed.add(topic);
    else this.#socket.subscribe(topic);
  }

  unwatch(channel: string): void {
    const topic = ephemeralTopic(channel);
    this.#shed?.delete(topic);
    this.#socket.unsubscribe(topic);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** Takes the socket out of everything that may be lost. */
  shed(): void {
    if (this.#shed) return;
    const topics = this.#socket.subscriptions.filter((topic) => topic.endsWith(EPHEMERAL_ENDING));
    for (const topic of topics) this.#socket.unsubscribe(topic);
    this.#shed = new Set(topics);
  }

  /** Brings it back into what it was taken out of. */
  restore(): void {
    const topics = this.#shed;
    this.#shed = undefined;
    for (const topic of topics ?? []) this.#socket.subscribe(topic);
  }
}

const EPHEMERAL_ENDING = ephemeralTopic("");
