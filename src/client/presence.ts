import type { AttentionFrame, TypingFrame } from "./contract.ts";
import { channelOf } from "./frames.ts";

/** What the server is told of where somebody looks and writes; all of it may be lost. */
export type PresenceFrame =
  { t: "focus"; ch: string[] } | Omit<TypingFrame, "i"> | Omit<AttentionFrame, "i">;

/** The server shows somebody as typing for a little longer than this. */
const TYPING_PAUSE_MS = 3_000;
const MAX_FOCUS = 20;
const MAX_TYPING = 100;

/** Which conversations are on screen, and in which of them somebody is typing. */
export class Presence {
  readonly #post: (frame: PresenceFrame) => void;
  #focus: string[] = [];
  #isAway = false;
  /** When each conversation was last told that somebody types there. */
  readonly #typing = new Map<string, number>();

  /** @param post sends a frame now, or does nothing while there is no connection. */
  constructor(post: (frame: PresenceFrame) => void) {
    this.#post = post;
  }

  /** Replaces what is on screen. Of more than a screen holds, the first ones count. */
  focus(conversationIds: string[]): void {
    this.#focus = [...new Set(conversationIds.map(channelOf))].slice(0, MAX_FOCUS);
    this.#post({ t: "focus", ch: this.#focus });
  }

  /** To be called with each key: the server hears of it once in a while. */
  type(conversationId: string, on: boolean): void {
    const ch = channelOf(conversationId);
    const now = performance.now();
    const told = this.#typing.get(ch);
    if (on && told !== undefined && now - told < TYPING_PAUSE_MS) return;
    if (!on && told === undefined) return;
    // Whoever stops has to be told from one whose last sign is long ago, so only those that go on are kept.
    this.#typing.delete(ch);
    const [oldest] = this.#typing.keys();
    if (this.#typing.size >= MAX_TYPING && oldest !== undefined) this.#typing.delete(oldest);
    if (on) this.#typing.set(ch, now);
    this.#post({ t: "typ", ch, on });
  }

  /** Says whether anybody looks at this device. */
  look(isAway: boolean): void {
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    this.#post({ t: "pres", status: isAway ? "away" : "online" });
  }

  /** A new connection knows nothing of what is on screen, and takes it that somebody looks. */
  open(): void {
    this.#typing.clear();
    if (this.#isAway) this.#post({ t: "pres", status: "away" });
    if (this.#focus.length > 0) this.#post({ t: "focus", ch: this.#focus });
  }
}
