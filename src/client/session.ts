import { between } from "./backoff.ts";
import type { Command } from "./commands.ts";
import type {
  HeartbeatFrame,
  HelloFrame,
  HelloOk,
  ReadFrame,
  RenewalFrame,
  SyncFrame,
} from "./contract.ts";
import { readFrames, type ServerFrame } from "./frames.ts";
import type { PresenceFrame } from "./presence.ts";
import { Renewal } from "./renewal.ts";

/** What ended a connection, or kept it from coming about. */
export interface Loss {
  /** The close code; 0 when there was no ticket. */
  code: number;
  reason: string;
  /** Whether the server had accepted our hello. */
  greeted: boolean;
  /** What the ticket source threw. */
  error?: unknown;
}

export interface SessionOptions {
  url: string;
  ticket: () => Promise<string>;
  webSocket: typeof WebSocket;
  /** What `hello` says beside the ticket. */
  hello: () => Pick<HelloFrame, "since" | "focus" | "u">;
  positions: () => Record<string, number>;
  onOpen: (frame: HelloOk) => void;
  onFrame: (frame: ServerFrame) => void;
  /** Called once, whatever happened; nothing is called after it. */
  onLost: (loss: Loss) => void;
  connectTimeoutMs: number;
  answerTimeoutMs: number;
}

/** A request without its number. */
export type SessionRequest =
  | Command
  | ReadFrame
  | { t: "sub" | "unsub"; ch: string[] }
  | Omit<SyncFrame, "i">
  | Omit<HelloFrame, "i">
  | Omit<HeartbeatFrame, "i">
  | Omit<RenewalFrame, "i">;

const SUBPROTOCOL = "frm.v1";
const LOST = 1006;
const NORMAL = 1000;
/** Whatever the server asks for, it is neither a flood nor silence. */
const MIN_HEARTBEAT_MS = 10;
const MAX_HEARTBEAT_MS = 300_000;
/**
 * Heartbeats of many clients must not come in step. None comes later than the server asks for, so that a connection
 * without a sign of life is left at the latest one answer's time after that.
 */
const HEARTBEAT_SPREAD = 0.2;
/** Other frames show that the connection lives, but a request may not go without an answer for ever. */
const MAX_ANSWER_TIMEOUTS = 3;

/** One connection, from the ticket to its end. */
export class Session {
  readonly #options: SessionOptions;
  /** Requests without an answer yet, and when they were sent. */
  readonly #unanswered = new Map<number, number>();
  readonly #renewal: Renewal;
  #ws: WebSocket | undefined;
  #ended = false;
  #greeted = false;
  #count = 0;
  #heardAt = 0;
  #connectTimer: ReturnType<typeof setTimeout> | undefined;
  #heartbeatTimer: ReturnType<typeof setTimeout> | undefined;
  #answerTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#renewal = new Renewal({
      ticket: options.ticket,
      show: (tok) => this.request({ t: "tok", tok }),
    });
    const late = () => this.#lose({ code: LOST, reason: "connect_timeout" });
    this.#connectTimer = setTimeout(late, options.connectTimeoutMs);
    // Not in this turn, so that the owner has the session before it hears of it.
    queueMicrotask(() => void this.#connect());
  }

  /** Sends a request; its number comes back in the answer. */
  request(frame: SessionRequest): number {
    const number = (this.#count += 1);
    this.#unanswered.set(number, performance.now());
    this.#ws?.send(JSON.stringify({ ...frame, i: number }));
    this.#watch();
    return number;
  }

  /** Sends what nobody answers, if it can be sent now. */
  say(frame: PresenceFrame): void {
    if (this.#greeted && !this.#ended) this.#ws?.send(JSON.stringify(frame));
  }

  /** Asks now whether the connection still lives. */
  probe(): void {
    if (!this.#ended && this.#greeted) this.#beat();
  }

  /** Ends it without a word to the owner. */
  close(): void {
    this.#ended = true;
    this.#release();
  }

  async #connect(): Promise<void> {
    // A page that opens and closes in one turn, as React does in development, costs no ticket.
    if (this.#ended) return;
    try {
      const ticket = await this.#options.ticket();
      if (!this.#ended) this.#open(ticket);
    } catch (error) {
      this.#lose({ code: 0, reason: "cannot_connect", error });
    }
  }

  #open(ticket: string): void {
    const { url, webSocket, hello } = this.#options;
    const ws = new webSocket(url, SUBPROTOCOL);
    this.#ws = ws;
    ws.addEventListener("open", () => {
      if (!this.#ended) this.request({ t: "hello", v: 1, tok: ticket, ...hello() });
    });
    ws.addEventListener("message", ({ data }) => {
      this.#heardAt = performance.now();
      for (const frame of readFrames(data)) this.#take(frame);
    });
    ws.addEventListener("close", ({ code, reason }) => this.#lose({ code, reason }));
  }

  #take(frame: ServerFrame): void {
    if (this.#ended) return;
    if ("i" in frame && frame.i !== undefined) this.#unanswered.delete(frame.i);
    if (frame.t !== "hello.ok") {
      if (this.#greeted && !this.#renew(frame)) this.#options.onFrame(frame);
      return;
    }
    clearTimeout(this.#connectTimer);
    this.#greeted = true;
    // The first one comes at a random time, because many may have connected at once.
    this.#schedule(Math.min(Math.max(frame.hb, MIN_HEARTBEAT_MS), MAX_HEARTBEAT_MS), [0, 1]);
    this.#options.onOpen(frame);
  }

  /** Whether the frame was about how long the connection may stay, which concerns nobody else. */
  #renew(frame: ServerFrame): boolean {
    if (frame.t === "tok.exp") this.#renewal.warn(frame.in);
    else if (frame.t === "tok.ok") this.#renewal.take(frame.in);
    else return frame.t === "err" && this.#renewal.refuse(frame.i);
    return true;
  }

  #schedule(intervalMs: number, [from, to]: [number, number]): void {
    if (this.#ended) return;
    const next = () => {
      this.#beat();
      this.#schedule(intervalMs, [1 - HEARTBEAT_SPREAD, 1]);
    };
    this.#heartbeatTimer = setTimeout(next, between(intervalMs * from, intervalMs * to));
  }

  #beat(): void {
    this.request({ t: "hb", p: this.#options.positions() });
  }

  /** Runs only while something is unanswered. */
  #watch(): void {
    if (this.#ended || this.#answerTimer !== undefined) return;
    const { answerTimeoutMs } = this.#options;
    this.#answerTimer = setTimeout(() => {
      this.#answerTimer = undefined;
      const [oldest] = this.#unanswered.values();
      if (oldest === undefined) return;
      const now = performance.now();
      const silent = now - Math.max(oldest, this.#heardAt) >= answerTimeoutMs;
      const ignored = now - oldest >= answerTimeoutMs * MAX_ANSWER_TIMEOUTS;
      if (silent || ignored) this.#lose({ code: LOST, reason: "no_answer" });
      else this.#watch();
    }, answerTimeoutMs);
  }

  #lose(loss: Omit<Loss, "greeted">): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release();
    this.#options.onLost({ ...loss, greeted: this.#greeted });
  }

  #release(): void {
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#heartbeatTimer);
    clearTimeout(this.#answerTimer);
    this.#renewal.end();
    // A browser may take a minute to close a dead connection; nobody waits for it here.
    this.#ws?.close(NORMAL);
  }
}
