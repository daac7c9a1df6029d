import { backoffMs, between } from "./backoff.ts";
import { statusOf } from "./problem.ts";

export interface RenewalOptions {
  /** Gets what stands for the session once more. */
  ticket: () => Promise<string>;
  /** Sends it; answers the number of the request. */
  show: (ticket: string) => number;
}

/** A token with less time than this left is not the newest one that the application could have had. */
const SHORT_MS = 60_000;
const MIN_WAIT_MS = 1_000;
/** The warning may come to many clients at once, so each takes its own moment in the first half of what is left. */
const SPREAD = 0.5;

/** Shows the server a newer ticket before the token behind the last one expires, so that the connection may stay. */
export class Renewal {
  readonly #options: RenewalOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked: number | undefined;
  #failures = 0;
  #ended = false;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** The server has warned: so many milliseconds are left. */
  warn(leftMs: number): void {
    if (this.#timer === undefined && this.#asked === undefined)
      this.#schedule(between(0, leftMs * SPREAD));
  }

  /** The server has taken what was shown; a token that was the old one again is followed by another attempt. */
  take(leftMs: number): void {
    this.#asked = undefined;
    this.#failures = 0;
    if (leftMs < SHORT_MS)
      this.#schedule(Math.max(MIN_WAIT_MS, between(0, leftMs * SPREAD) + leftMs * (SPREAD / 2)));
  }

  /** Whether a refusal was for what was shown; a ticket may be lost or late, so another one is asked for. */
  refuse(number: number | undefined): boolean {
    if (number === undefined || number !== this.#asked) return false;
    this.#asked = undefined;
    this.#retry();
    return true;
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#show();
    }, delayMs);
  }

  #retry(): void {
    if (!this.#ended) this.#schedule(MIN_WAIT_MS + backoffMs(this.#failures++));
  }

  async #show(): Promise<void> {
    // Not undefined, so that a warning in the meantime starts no second attempt.
    this.#asked = 0;
    try {
      const ticket = await this.#options.ticket();
      if (!this.#ended) this.#asked = this.#options.show(ticket);
    } catch (error) {
      this.#asked = undefined;
      // Whoever is signed out gets no other ticket by asking again; the server ends the connection in its time.
      if (statusOf(error) !== 401 && statusOf(error) !== 403) this.#retry();
    }
  }
}
