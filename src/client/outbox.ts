import { backoffMs } from "./backoff.ts";
import { type Ack, channelOf, type ErrorFrame } from "./frames.ts";
import { ClientError, type ClientErrorCode } from "./problem.ts";

export interface NewChatMessage {
  conversationId: string;
  body: string;
  /** Any UUID: a message that is sent again under it is still one message. */
  clientId?: string;
  /** How long the message may wait for its acknowledgement, reconnections included. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Where the message stands, as the server has stored it. */
export interface SentMessage {
  id: string;
  seq: number;
}

export interface OutboxOptions {
  /** Sends a frame now and answers its number; undefined while there is no connection. */
  post: (frame: { ch: string; cid: string; body: string }) => number | undefined;
}

interface Entry {
  ch: string;
  cid: string;
  body: string;
  /** Number of the frame that is under way. */
  request?: number;
  attempts: number;
  retryTimer?: ReturnType<typeof setTimeout>;
  settle: (result: SentMessage | ClientError) => void;
  sent: Promise<SentMessage>;
}

const MAX_WAITING = 256;
const TIMEOUT_MS = 60_000;
/** Far more than the server stores; a frame that is longer than it reads would end the socket for good. */
const MAX_BODY_BYTES = 48_000;
const OVERDUE = "Cannot send a message: it was not acknowledged in time";

/**
 * Keeps messages until the server has acknowledged them. Those of one conversation leave one after the other, so that
 * none overtakes another that has to be sent again.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Resolves when the message is stored. @throws ClientError with the code of the refusal. */
  async add(message: NewChatMessage): Promise<SentMessage> {
    const { conversationId, body, signal, timeoutMs = TIMEOUT_MS } = message;
    const cid = (message.clientId ?? crypto.randomUUID()).toLowerCase();
    const waiting = this.#entries.get(cid);
    if (waiting) return await waiting.sent;
    if (signal?.aborted === true) throw aborted();
    if (new TextEncoder().encode(JSON.stringify(body)).length > MAX_BODY_BYTES)
      throw new ClientError("too_long", "Cannot send a message: it is far too long");
    if (this.#entries.size >= MAX_WAITING)
      throw new ClientError("outbox_full", `Cannot send a message: ${MAX_WAITING} are waiting`);
    const { promise, resolve, reject } = Promise.withResolvers<SentMessage>();
    const cancel = () => this.#settle(cid, aborted());
    const overdue = () => this.#settle(cid, new ClientError("timeout", OVERDUE));
    const timer = setTimeout(overdue, timeoutMs);
    signal?.addEventListener("abort", cancel, { once: true });
    const settle = (result: SentMessage | ClientError) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
      if (result instanceof ClientError) reject(result);
      else resolve(result);
    };
    const ch = channelOf(conversationId);
    this.#entries.set(cid, { ch, cid, body, attempts: 0, settle, sent: promise });
    this.flush();
    return await promise;
  }

  /** Sends the first message of each conversation that has none under way. */
  flush(): void {
    const busy = new Set<string>();
    for (const entry of this.#entries.values()) {
      if (busy.has(entry.ch)) continue;
      busy.add(entry.ch);
      if (entry.request !== undefined || entry.retryTimer !== undefined) continue;
      const { ch, cid, body } = entry;
      const request = this.#options.post({ ch, cid, body });
      if (request === undefined) return;
      entry.request = request;
    }
  }

  acknowledge({ cid, msg: id, seq }: Ack): void {
    this.#settle(cid.toLowerCase(), { id, seq });
  }

  /** Takes a refusal; false when it is not about a message. */
  refuse({ i, c, m, retry, after }: ErrorFrame): boolean {
    const entry = [...this.#entries.values()].find(({ request }) => request === i);
    if (i === undefined || !entry) return false;
    if (retry) this.#retry(entry, after ?? backoffMs(entry.attempts));
    else {
      const code = m as ClientErrorCode;
      this.#settle(entry.cid, new ClientError(code, `Cannot send a message: ${m}`, c / 10));
    }
    return true;
  }

  /** The connection is gone: what was under way may or may not have been stored, and is sent again. */
  disconnect(): void {
    for (const entry of this.#entries.values()) {
      clearTimeout(entry.retryTimer);
      delete entry.retryTimer;
      delete entry.request;
    }
  }

  /** Nothing will be sent any more. */
  close(): void {
    for (const cid of this.#entries.keys())
      this.#settle(cid, new ClientError("closed", "Cannot send a message: the socket is closed"));
  }

  #retry(entry: Entry, delayMs: number): void {
    delete entry.request;
    entry.attempts += 1;
    entry.retryTimer = setTimeout(() => {
      delete entry.retryTimer;
      this.flush();
    }, delayMs);
  }

  #settle(cid: string, result: SentMessage | ClientError): void {
    const entry = this.#entries.get(cid);
    if (!entry) return;
    this.#entries.delete(cid);
    clearTimeout(entry.retryTimer);
    entry.settle(result);
    // Leaving its place to the next one; after a close there is no connection, and nothing happens.
    this.flush();
  }
}

function aborted(): ClientError {
  return new ClientError("aborted", "Cannot send a message: it was aborted");
}
