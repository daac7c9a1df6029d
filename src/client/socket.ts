import { resolveAddress } from "./address.ts";
import { backoffMs, between } from "./backoff.ts";
import { Channels } from "./channels.ts";
import type { ChatSocket, SocketEvents, SocketOptions, SocketState } from "./chat_socket.ts";
import type { HelloOk } from "./contract.ts";
import { channelOf, conversationOf, type ServerFrame, toEvent } from "./frames.ts";
import { Listeners } from "./listeners.ts";
import { type NewChatMessage, Outbox, type SentMessage } from "./outbox.ts";
import { ClientError, statusOf } from "./problem.ts";
import { type Loss, Session } from "./session.ts";
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
  return new ReconnectingSocket(options);
}

class ReconnectingSocket implements ChatSocket {
  readonly #options: SocketOptions;
  readonly #webSocket: typeof WebSocket;
  readonly #listeners = new Listeners<SocketEvents>();
  readonly #channels: Channels;
  readonly #outbox: Outbox;
  readonly #quiet = new AbortController();
  #state: SocketState = "connecting";
  #session: Session | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #syncTimer: ReturnType<typeof setTimeout> | undefined;
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
    this.#outbox = new Outbox({
      post: (frame) =>
        this.#state === "open" ? this.#session?.request({ t: "send", ...frame }) : undefined,
    });
    this.#channels = new Channels({
      deliver: (frame) => {
        const event = toEvent(frame);
        if (event) this.#tell("event", event);
      },
      reset: (channel, seq) => {
        const conversationId = conversationOf(channel);
        this.#tell("reset", { channel, conversationId, seq });
      },
      ask: (ch, from) => this.#session?.request({ t: "sync", ch, from }) ?? 0,
      retryLater: () => {
        this.#syncTimer ??= setTimeout(() => {
          this.#syncTimer = undefined;
          if (this.#state === "open") this.#channels.pump();
        }, backoffMs(1));
      },
    });
    this.#watchNetwork();
    this.#connect();
  }

  get state(): SocketState {
    return this.#state;
  }

  on<Type extends keyof SocketEvents>(
    type: Type,
    listener: (value: SocketEvents[Type]) => void,
  ): () => void {
    return this.#listeners.add(type, listener);
  }

  async send(message: NewChatMessage): Promise<SentMessage> {
    if (this.#state === "closed")
      throw new ClientError("closed", "Cannot send a message: the socket is closed");
    return await this.#outbox.add(message);
  }

  follow(conversationId: string, seq: number): void {
    this.#channels.follow(channelOf(conversationId), seq);
  }

  close(): void {
    this.#end();
  }

  [Symbol.dispose](): void {
    this.#end();
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
      hello: () => ({
        // Zero at first, so that the answer tells the positions of all channels.
        since: Math.max(0, this.#seenAt - CLOCK_MARGIN_MS),
        focus: this.#channels.positions(),
      }),
      positions: () => this.#channels.positions(),
      onOpen: (frame) => this.#opened(frame),
      onFrame: (frame) => this.#take(frame),
      onLost: (loss) => this.#lost(loss),
    });
    this.#enter("connecting");
  }

  #opened({ chg, ts }: HelloOk): void {
    this.#attempts = 0;
    this.#refusedTickets = 0;
    this.#see(ts);
    this.#enter("open");
    this.#channels.greet(chg);
    this.#outbox.flush();
  }

  #take(frame: ServerFrame): void {
    switch (frame.t) {
      case "ev":
        this.#see(frame.ts);
        return this.#channels.take(frame);
      case "ack":
        return this.#outbox.acknowledge(frame);
      case "sync.ok":
        return this.#channels.answer(frame.i ?? 0, frame);
      case "hb.ok":
        this.#see(frame.ts);
        return this.#channels.compare(frame.top);
      case "err":
        if (!this.#outbox.refuse(frame)) this.#channels.refuse(frame.i ?? 0, frame);
        return;
      case "away":
        this.#away = frame.in;
        return;
      default:
        // A type that a later server has invented is not for us.
        return;
    }
  }

  #lost(loss: Loss): void {
    this.#session = undefined;
    this.#outbox.disconnect();
    this.#channels.disconnect();
    const end = this.#judge(loss);
    if (end) {
      this.#end();
      return this.#listeners.tell("ended", end);
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
    this.#listeners.tell("state", state);
  }

  /** A listener may close the socket while more is at hand; it hears nothing of that. */
  #tell<Type extends "event" | "reset">(type: Type, value: SocketEvents[Type]): void {
    if (this.#state !== "closed") this.#listeners.tell(type, value);
  }

  #end(): void {
    if (this.#state === "closed") return;
    this.#quiet.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#syncTimer);
    this.#session?.close();
    this.#session = undefined;
    this.#enter("closed");
    this.#outbox.close();
  }

  /** A browser knows when the network is back or the page is looked at again, long before a timer of ours would. */
  #watchNetwork(): void {
    const wake = () => {
      if (this.#state === "open") return this.#session?.probe();
      if (this.#state !== "waiting" || this.#patient) return;
      clearTimeout(this.#timer);
      this.#connect();
    };
    const { signal } = this.#quiet;
    const page = globalThis as { document?: EventTarget } & Partial<EventTarget>;
    page.addEventListener?.("online", wake, { signal });
    page.addEventListener?.("offline", wake, { signal });
    page.document?.addEventListener("visibilitychange", wake, { signal });
  }
}

function addressOf(url: string): string {
  const address = resolveAddress(url);
  if (address.pathname === "/") address.pathname = "/v1/ws";
  address.protocol = address.protocol.replace(/^http/, "ws");
  return address.href;
}
