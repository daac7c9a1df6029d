import { resolveAddress } from "./address.ts";
import { backoffMs, between } from "./backoff.ts";
import type { ChatSocket, SocketEvents, SocketOptions, SocketState } from "./chat_socket.ts";
import type { HelloOk } from "./contract.ts";
import { OWN_CHANNEL } from "./events.ts";
import type { ServerFrame } from "./frames.ts";
import { Listeners } from "./listeners.ts";
import { watchNetwork } from "./network.ts";
import { statusOf } from "./problem.ts";
import { type Loss, Session } from "./session.ts";
import { Talk } from "./talk.ts";
import { type Ended, verdictOf } from "./verdict.ts";

const CONNECT_TIMEOUT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 10_000;
/** Clocks of two instances may differ by this much, and less than it is lost by asking twice. */
const CLOCK_MARGIN_MS = 60_000;
/** A server that asks us to stay away longer than this is not believed. */
const MAX_AWAY_MS = 60_000;
/** A ticket may be lost before it is used; a second one that is refused means that the session is over. */
const MAX_REFUSED_TICKETS = 1;

/** Opens a socket that stays: it comes back after every loss that is not final, and misses nothing meanwhile. */
export function createSocket(options: SocketOptions): ChatSocket {
  const connection = new ReconnectingConnection(options);
  const { talk } = connection;
  return {
    get state() {
      return connection.state;
    },
    get waiting() {
      return talk.outbox.waiting;
    },
    on: (type, listener) => connection.listeners.add(type, listener),
    ...talk.actions,
    close: () => connection.end(),
    [Symbol.dispose]: () => connection.end(),
  };
}

/** One connection after the other, until the last one. */
class ReconnectingConnection {
  readonly listeners = new Listeners<SocketEvents>();
  readonly talk: Talk;
  readonly #options: SocketOptions;
  readonly #webSocket: typeof WebSocket;
  readonly #quiet = new AbortController();
  #state: SocketState = "connecting";
  #session: Session | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;
  #refusedTickets = 0;
  /** The server's time of the last frame that told it. */
  #seenAt = 0;
  #away: [number, number] | undefined;
  /** Whether the server has said when to come back, so that nothing else may shorten the wait. */
  #patient = false;

  constructor(options: SocketOptions) {
    this.#options = options;
    this.#webSocket = options.WebSocket ?? globalThis.WebSocket;
    if (typeof this.#webSocket !== "function")
      throw new Error(
        "Cannot open a socket: this runtime has no WebSocket, so one has to be given",
      );
    this.talk = new Talk({
      ...(options.outbox ? { outbox: options.outbox } : {}),
      request: (frame) => (this.#state === "open" ? this.#session?.request(frame) : undefined),
      say: (frame) => this.#session?.say(frame),
      isClosed: () => this.#state === "closed",
      // A listener may close the socket while more is at hand; it hears nothing of that.
      tell: (type, value) => {
        if (this.#state !== "closed") this.listeners.tell(type, value);
      },
    });
    watchNetwork({
      wake: () => this.#wake(),
      look: (isAway) => this.talk.look(isAway),
      signal: this.#quiet.signal,
    });
    this.#connect();
  }

  get state(): SocketState {
    return this.#state;
  }

  end(): void {
    if (this.#state === "closed") return;
    this.#quiet.abort();
    clearTimeout(this.#timer);
    this.#session?.close();
    this.#session = undefined;
    this.#enter("closed");
    this.talk.close();
  }

  #connect(): void {
    this.#timer = undefined;
    this.#away = undefined;
    const { url, ticket, connectTimeoutMs, answerTimeoutMs } = this.#options;
    this.#session = new Session({
      url: addressOf(typeof url === "string" ? url : url()),
      ticket,
      webSocket: this.#webSocket,
      connectTimeoutMs: connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      answerTimeoutMs: answerTimeoutMs ?? ANSWER_TIMEOUT_MS,
      hello: () => {
        const { [OWN_CHANNEL]: u, ...focus } = this.talk.channels.positions();
        // Zero at first, so that the answer tells the positions of all channels.
        const since = Math.max(0, this.#seenAt - CLOCK_MARGIN_MS);
        return { since, focus, ...(u === undefined ? {} : { u }) };
      },
      positions: () => this.talk.channels.positions(),
      onOpen: (frame) => this.#opened(frame),
      onFrame: (frame) => this.#take(frame),
      onLost: (loss) => this.#lost(loss),
    });
    this.#enter("connecting");
  }

  #opened({ chg, u, ts }: HelloOk): void {
    this.#attempts = 0;
    this.#refusedTickets = 0;
    this.#see(ts);
    this.#enter("open");
    this.talk.open({ ...chg, ...(Number.isSafeInteger(u) ? { [OWN_CHANNEL]: u } : {}) });
  }

  #take(frame: ServerFrame): void {
    if (frame.t === "away") this.#away = frame.in;
    if (frame.t === "ev" || frame.t === "hb.ok") this.#see(frame.ts);
    this.talk.take(frame);
  }

  #lost(loss: Loss): void {
    this.#session = undefined;
    this.talk.disconnect();
    const end = this.#judge(loss);
    if (end) {
      this.end();
      return this.listeners.tell("ended", end);
    }
    this.#timer = setTimeout(() => this.#connect(), this.#delayMs(loss.code));
    this.#enter("waiting");
  }

  /** Why this loss is the last one, if it is. */
  #judge({ code, reason, greeted, error }: Loss): Ended | undefined {
    const status = statusOf(error);
    const { code: cause } = (error ?? {}) as { code?: unknown };
    // Whatever made the request for the ticket, these two statuses will not change by asking again.
    const refused = status === 401 ? "signed_out" : status === 403 ? "at_fault" : undefined;
    if (refused)
      return { verdict: refused, code, reason: typeof cause === "string" ? cause : reason };
    const verdict = verdictOf(code);
    if (typeof verdict !== "string") return undefined;
    const tryAnother = verdict === "signed_out" && !greeted;
    if (tryAnother && (this.#refusedTickets += 1) <= MAX_REFUSED_TICKETS) return undefined;
    return { verdict, code, reason };
  }

  #delayMs(code: number): number {
    const verdict = verdictOf(code);
    const atLeastMs = typeof verdict === "string" ? 0 : verdict.afterMs;
    this.#patient = this.#away !== undefined || atLeastMs > 0;
    const wait = this.#options.backoffMs ?? backoffMs;
    if (!this.#away) return atLeastMs + wait(this.#attempts++);
    const [from, to] = this.#away;
    return between(Math.min(from, MAX_AWAY_MS), Math.min(to, MAX_AWAY_MS));
  }

  #see(ts: number | undefined): void {
    this.#seenAt = Math.max(this.#seenAt, ts ?? 0);
  }

  #enter(state: SocketState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.listeners.tell("state", state);
  }

  #wake(): void {
    if (this.#state === "open") {
      this.talk.wake();
      return this.#session?.probe();
    }
    if (this.#state !== "waiting" || this.#patient) return;
    clearTimeout(this.#timer);
    this.#connect();
  }
}

function addressOf(url: string): string {
  const address = resolveAddress(url);
  if (address.pathname === "/") address.pathname = "/v1/ws";
  address.protocol = address.protocol.replace(/^http/, "ws");
  return address.href;
}
