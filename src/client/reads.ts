import type { ReadFrame } from "./contract.ts";
import { channelOf } from "./frames.ts";

export interface ReadMark {
  conversationId: string;
  /** Position of the last event that was read. */
  seq: number;
  /** Keeps it from the others; on one's own devices it counts. */
  private?: boolean;
}

export interface ReadsOptions {
  /** Sends a frame now and answers its number; undefined while there is no connection. */
  post: (frame: ReadFrame) => number | undefined;
}

interface Mark {
  seq: number;
  priv: boolean;
  /** What the server has confirmed. */
  confirmed: number;
  /** Number of the frame that is under way, and the position in it. */
  request?: { number: number; seq: number };
}

/** Somebody who scrolls passes many messages a second, and only where they end up matters. */
const PAUSE_MS = 1_000;
const MAX_MARKS = 500;

/** Tells the server how far somebody has read, at most once a second for each conversation, and until it has heard it. */
export class Reads {
  readonly #options: ReadsOptions;
  /** The one that was set last comes last. */
  readonly #marks = new Map<string, Mark>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ReadsOptions) {
    this.#options = options;
  }

  /** Notes a position; one that is not ahead of the last changes nothing. */
  set({ conversationId, seq, private: priv = false }: ReadMark): void {
    const ch = channelOf(conversationId);
    const before = this.#marks.get(ch) ?? { seq: 0, priv, confirmed: 0 };
    if (seq <= before.seq) return;
    this.#marks.delete(ch);
    const [oldest] = this.#marks.keys();
    if (this.#marks.size >= MAX_MARKS && oldest !== undefined) this.#marks.delete(oldest);
    this.#marks.set(ch, { ...before, seq, priv });
    if (this.#timer === undefined) this.flush();
  }

  /** Sends what the server has not heard; what comes within the next second waits for the end of it. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let sent = false;
    for (const [ch, mark] of this.#marks) {
      if (mark.request || mark.seq <= mark.confirmed) continue;
      const { seq, priv } = mark;
      const number = this.#options.post({ t: "read", ch, seq, ...(priv ? { priv } : {}) });
      if (number === undefined) return;
      mark.request = { number, seq };
      sent = true;
    }
    if (sent) this.#later();
  }

  /** Takes the answer to a frame, whatever it says; false when it is not about one. */
  settle(number: number | undefined, { again }: { again: boolean }): boolean {
    if (number === undefined) return false;
    const mark = [...this.#marks.values()].find(({ request }) => request?.number === number);
    if (!mark?.request) return false;
    // A refusal that is final settles it as well: nobody asks twice whether they may read what they cannot see.
    if (!again) mark.confirmed = mark.request.seq;
    delete mark.request;
    this.#later();
    return true;
  }

  /** The connection is gone: what was under way is sent again. */
  disconnect(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const mark of this.#marks.values()) delete mark.request;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #later(): void {
    this.#timer ??= setTimeout(() => this.flush(), PAUSE_MS);
  }
}
