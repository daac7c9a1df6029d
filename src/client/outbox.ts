import { backoffMs } from "./backoff.ts";
import type { Command, Patience } from "./commands.ts";
import type { Ack } from "./contract.ts";
import { conversationOf, type ErrorFrame } from "./frames.ts";
import type { OutboxShare, OutboxStore, StoredCommand } from "./outbox_store.ts";
import { ClientError, type ClientErrorCode } from "./problem.ts";

/** Where a message stands, as the server has stored it. */
export interface SentMessage {
  id: string;
  seq: number;
}

/** Something that waits for its acknowledgement. */
export interface Waiting extends StoredCommand {
  conversationId: string;
}

/** What has become of something in the outbox. */
export type OutboxChange =
  /** It waits, since now or, when it was left behind by an earlier socket, since then. */
  | { op: "queued"; entry: Waiting }
  /** The server has done it; `message` says where a message stands. */
  | { op: "done"; entry: Waiting; message?: SentMessage }
  /** It will not be done, or was called off. */
  | { op: "refused"; entry: Waiting; code: ClientErrorCode };

export interface OutboxOptions {
  /** Sends a frame now and answers its number; undefined while there is no connection. */
  post: (command: Command) => number | undefined;
  store: OutboxStore;
  tell: (change: OutboxChange) => void;
}

type Result = SentMessage | undefined | ClientError;

interface Entry extends Waiting {
  /** Number of the frame that is under way. */
  request?: number;
  attempts: number;
  retryTimer?: ReturnType<typeof setTimeout>;
  settle: (result: Result) => void;
  done: Promise<SentMessage | undefined>;
}

const MAX_WAITING = 256;
/** Far more than the server stores; a frame that is longer than it reads would end the socket for good. */
const MAX_BODY_BYTES = 48_000;
/** A timer with more than this rings at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const FORGOTTEN = "Cannot act in a conversation: it was not acknowledged in time";

/**
 * Keeps messages and other commands until the server has acknowledged them. Those of one conversation leave one after
 * the other, so that none overtakes another that has to be sent again. Each may be sent more than once and is done once,
 * because the server knows a message by its clientId, and every other command says what shall be, not what to change.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #share: OutboxShare;
  readonly #entries = new Map<string, Entry>();
  #closed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#share = options.store.open();
  }

  /** What waits, in the order in which it was written. */
  get waiting(): Waiting[] {
    return [...this.#entries.values()].map(toWaiting);
  }

  /** Resolves when the server has done it. @throws ClientError with the code of the refusal. */
  async add(command: Command, patience: Patience = {}): Promise<SentMessage | undefined> {
    const { signal, timeoutMs = this.#options.store.lifeMs } = patience;
    const id = command.t === "send" ? command.cid : crypto.randomUUID();
    const waiting = this.#entries.get(id);
    if (waiting) return await waiting.done;
    if (signal?.aborted === true) throw aborted();
    refuseTooLong(command);
    if (this.#entries.size >= MAX_WAITING)
      throw new ClientError("outbox_full", `Cannot wait: ${MAX_WAITING} do already`);
    const writtenAt = Date.now();
    const stored = { id, command, writtenAt, expiresAt: writtenAt + timeoutMs };
    const entry = this.#insert(stored, signal);
    this.#share.put(stored);
    this.flush();
    return await entry.done;
  }

  /** Goes on with what earlier sockets have left behind. */
  async adopt(): Promise<void> {
    const room = MAX_WAITING - this.#entries.size;
    if (room <= 0 || this.#closed) return;
    const left = await this.#share.adopt(room);
    const later = [...this.#entries];
    const fresh = left.filter(({ id }) => !this.#closed && !this.#entries.has(id));
    this.#entries.clear();
    for (const stored of fresh) {
      // Whoever waited for it is gone; listeners hear what becomes of it.
      this.#insert(stored).done.catch(() => undefined);
    }
    // What has come since was written later, also in the same millisecond.
    for (const [id, entry] of later) this.#entries.set(id, entry);
    this.#sort();
    this.flush();
  }

  /** Sends the first command of each conversation that has none under way. */
  flush(): void {
    const busy = new Set<string>();
    for (const entry of this.#entries.values()) {
      const { command } = entry;
      if (busy.has(command.ch)) continue;
      busy.add(command.ch);
      if (entry.request !== undefined || entry.retryTimer !== undefined) continue;
      const request = this.#options.post(command);
      if (request === undefined) return;
      entry.request = request;
    }
  }

  acknowledge({ cid, msg: id, seq }: Ack): void {
    this.#settle(cid.toLowerCase(), { id, seq });
  }

  /** Takes the answer to any other command; false when it is not about one. */
  confirm(number: number | undefined): boolean {
    const entry = this.#find(number);
    if (entry) this.#settle(entry.id, undefined);
    return entry !== undefined;
  }

  /** Takes a refusal; false when it is not about a command. */
  refuse({ i, c, m, retry, after }: ErrorFrame): boolean {
    const entry = this.#find(i);
    if (!entry) return false;
    if (retry) this.#retry(entry, after ?? backoffMs(entry.attempts));
    else {
      const code = m as ClientErrorCode;
      this.#settle(entry.id, new ClientError(code, `Cannot act in a conversation: ${m}`, c / 10));
    }
    return true;
  }

  /** The connection is gone: what was under way may or may not have been done, and is sent again. */
  disconnect(): void {
    for (const entry of this.#entries.values()) {
      clearTimeout(entry.retryTimer);
      delete entry.retryTimer;
      delete entry.request;
    }
  }

  /** Nothing will be sent any more by this socket; what is stored stays there for a later one. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#share.close();
    const closed = new ClientError("closed", "Cannot act in a conversation: the socket is closed");
    for (const entry of this.#entries.values()) entry.settle(closed);
    this.#entries.clear();
  }

  #sort(): void {
    const inOrder = [...this.#entries].sort(
      ([, one], [, other]) => one.writtenAt - other.writtenAt,
    );
    this.#entries.clear();
    for (const [id, entry] of inOrder) this.#entries.set(id, entry);
  }

  #find(number: number | undefined): Entry | undefined {
    if (number === undefined) return undefined;
    return [...this.#entries.values()].find(({ request }) => request === number);
  }

  #insert(stored: StoredCommand, signal?: AbortSignal): Entry {
    const { id, command, expiresAt } = stored;
    const { promise, resolve, reject } = Promise.withResolvers<SentMessage | undefined>();
    const cancel = () => this.#settle(id, aborted());
    const overdue = () => this.#settle(id, new ClientError("timeout", FORGOTTEN));
    const timer = setTimeout(overdue, Math.min(expiresAt - Date.now(), MAX_TIMER_MS));
    signal?.addEventListener("abort", cancel, { once: true });
    const entry: Entry = {
      ...stored,
      conversationId: conversationOf(command.ch),
      attempts: 0,
      done: promise,
      settle: (result) => {
        clearTimeout(timer);
        clearTimeout(entry.retryTimer);
        signal?.removeEventListener("abort", cancel);
        if (result instanceof ClientError) reject(result);
        else resolve(result);
      },
    };
    this.#entries.set(id, entry);
    this.#options.tell({ op: "queued", entry: toWaiting(entry) });
    return entry;
  }

  #retry(entry: Entry, delayMs: number): void {
    delete entry.request;
    entry.attempts += 1;
    entry.retryTimer = setTimeout(() => {
      delete entry.retryTimer;
      this.flush();
    }, delayMs);
  }

  #settle(id: string, result: Result): void {
    const found = this.#entries.get(id);
    if (!found) return;
    this.#entries.delete(id);
    this.#share.remove(id);
    found.settle(result);
    const entry = toWaiting(found);
    if (result instanceof ClientError) {
      this.#options.tell({ op: "refused", entry, code: result.code });
    } else {
      this.#options.tell({ op: "done", entry, ...(result ? { message: result } : {}) });
    }
    // Leaving its place to the next one; after a close there is no connection, and nothing happens.
    this.flush();
  }
}

function toWaiting({ id, command, writtenAt, expiresAt, conversationId }: Entry): Waiting {
  return { id, command, writtenAt, expiresAt, conversationId };
}

function refuseTooLong(command: Command): void {
  if (!("body" in command)) return;
  if (new TextEncoder().encode(JSON.stringify(command.body)).length > MAX_BODY_BYTES)
    throw new ClientError("too_long", "Cannot send a message: it is far too long");
}

function aborted(): ClientError {
  return new ClientError("aborted", "Cannot act in a conversation: it was called off");
}
