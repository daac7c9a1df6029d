import { OWN_CHANNEL } from "./events.ts";
import type { ErrorFrame, EventFrame, SyncOk } from "./frames.ts";

export interface ChannelsOptions {
  /** Called for each event of a channel in its turn, once. */
  deliver: (frame: EventFrame) => void;
  /** Called when events are not to be had one by one: what the app knows up to `seq` has to be read anew. */
  reset: (channel: string, seq: number) => void;
  /** Asks the server for the events behind a position; answers the number of the request. */
  ask: (channel: string, from: number) => number;
  /** Called when one more attempt makes sense a little later. */
  retryLater: () => void;
}

interface Track {
  /** Delivery has begun behind this position: what is before it was never promised. */
  first: number;
  /** Position of the last event delivered. */
  last: number;
  /** The highest position that we have heard of. */
  top: number;
  /** Events ahead of their turn. */
  held: Map<number, EventFrame>;
  /** Pages that brought nothing although there must be something. */
  fruitless: number;
  /** Whether the server may know of fewer events than we. */
  isDoubted: boolean;
}

/** As many as the server follows for one user, and as many positions as a heartbeat may carry. */
const MAX_CHANNELS = 500;
/** Events ahead of their turn that are kept; the rest is asked for again. */
const MAX_HELD = 1_000;
/** Channels for which the missing events are being asked for at the same time. */
const MAX_REQUESTS = 4;
/** Further behind than this, reading the history anew is cheaper than replaying it. */
const MAX_REPLAY = 2_000;
const MAX_FRUITLESS = 3;

/** The positions of all channels: puts events in order, drops repetitions, and asks for what is missing. */
export class Channels {
  readonly #options: ChannelsOptions;
  /** The channel that has been quiet the longest comes first. */
  readonly #tracks = new Map<string, Track>();
  readonly #requests = new Map<number, string>();
  readonly #behind = new Set<string>();
  #held = 0;
  #greeted = false;

  constructor(options: ChannelsOptions) {
    this.#options = options;
  }

  /** The position of each channel, as `hello` and heartbeats tell them. */
  positions(): Record<string, number> {
    return Object.fromEntries([...this.#tracks].map(([channel, { last }]) => [channel, last]));
  }

  /** Delivery begins behind this position, unless it has begun already; false when it has begun further ahead. */
  follow(channel: string, seq: number): boolean {
    const track = this.#tracks.get(channel) ?? this.#begin(channel, seq);
    return track.first <= seq;
  }

  /** Takes the positions in the answer to `hello`. */
  greet(changed: Record<string, number>): void {
    for (const [channel, top] of Object.entries(changed)) {
      const known = this.#tracks.has(channel);
      if (known) this.#hear(channel, top);
      else this.#begin(channel, top);
      // A server that was set back knows less than we do, and says so when it is asked.
      if (channel === OWN_CHANNEL) this.#doubt(channel, top);
      // Before the first greeting nothing was promised; since then a conversation has come that we saw nothing of.
      if (!known && this.#greeted) this.#options.reset(channel, top);
    }
    this.#greeted = true;
    this.pump();
  }

  /** Takes the server's own positions: what is behind them was lost on the way. */
  compare(top: Record<string, number>): void {
    for (const [channel, seq] of Object.entries(top)) this.#hear(channel, seq);
    this.pump();
  }

  /** Takes an event as it comes. */
  take(frame: EventFrame): void {
    const track = this.#tracks.get(frame.ch) ?? this.#begin(frame.ch, frame.seq - 1);
    if (frame.seq <= track.last) return;
    track.top = Math.max(track.top, frame.seq);
    if (frame.seq === track.last + 1) this.#deliver(track, frame);
    else this.#hold(track, frame);
    this.#release(frame.ch, track);
    this.pump();
  }

  /** Takes a page of missing events. The server may leave out what this user may not see. */
  answer(request: number, page: SyncOk): void {
    const [channel, track] = this.#settle(request);
    if (channel === undefined || !track) return;
    this.#replay(track, page);
    if (page.reset === true || track.fruitless >= MAX_FRUITLESS) this.#skip(channel, track);
    this.#release(channel, track);
    this.pump();
  }

  /** Takes a refusal to tell the missing events. */
  refuse(request: number, { retry }: ErrorFrame): void {
    const [channel, track] = this.#settle(request);
    if (channel === undefined || !track) return;
    if (retry) {
      this.#behind.add(channel);
      return this.#options.retryLater();
    }
    // Whoever may not read the conversation any longer gets nothing more of it.
    this.#forget(channel);
    this.pump();
  }

  /** The connection is gone, and with it the answers to what was asked. */
  disconnect(): void {
    this.#requests.clear();
    this.#behind.clear();
    this.#held = 0;
    for (const track of this.#tracks.values()) {
      track.held.clear();
      track.top = track.last;
    }
  }

  /** Asks for missing events, as many channels at a time as is polite. */
  pump(): void {
    for (const channel of this.#behind) {
      if (this.#requests.size >= MAX_REQUESTS) return;
      this.#behind.delete(channel);
      const track = this.#tracks.get(channel);
      if (!track || (track.last >= track.top && !track.isDoubted)) continue;
      track.isDoubted = false;
      if (track.top - track.last > MAX_REPLAY) {
        this.#skip(channel, track);
        this.#release(channel, track);
      } else this.#requests.set(this.#options.ask(channel, track.last), channel);
    }
  }

  #replay(track: Track, { ev = [], to = 0, more, reset }: SyncOk): void {
    const before = track.last;
    for (const frame of ev) if (frame.seq > track.last) this.#deliver(track, frame);
    // Positions that the server never gave are taken back with everything that they stood for.
    if (reset === true && to > 0 && to < track.last) track.first = track.top = track.last = to;
    track.last = Math.max(track.last, to);
    const isFruitless = track.last === before && track.last < track.top;
    track.fruitless = isFruitless ? track.fruitless + 1 : 0;
    // There is one more page, even where nobody has told us of its events.
    if (more === true) track.top = Math.max(track.top, track.last + 1);
  }

  #begin(channel: string, seq: number): Track {
    if (this.#tracks.size >= MAX_CHANNELS) {
      // What happens to the user themselves is told by one channel alone, however quiet it is.
      const quietest = this.#tracks.keys().find((name) => name !== OWN_CHANNEL);
      if (quietest !== undefined) this.#forget(quietest);
    }
    const track: Track = {
      first: seq,
      last: seq,
      top: seq,
      held: new Map(),
      fruitless: 0,
      isDoubted: false,
    };
    this.#tracks.set(channel, track);
    return track;
  }

  #forget(channel: string): void {
    this.#held -= this.#tracks.get(channel)?.held.size ?? 0;
    this.#tracks.delete(channel);
    this.#behind.delete(channel);
  }

  #hear(channel: string, top: number): void {
    const track = this.#tracks.get(channel);
    if (!track) return;
    track.top = Math.max(track.top, top);
    this.#note(channel, track);
  }

  #doubt(channel: string, top: number): void {
    const track = this.#tracks.get(channel);
    if (!track || track.last <= top) return;
    track.isDoubted = true;
    this.#behind.add(channel);
  }

  /** Puts the channel among those that wait for missing events, unless they are being asked for. */
  #note(channel: string, track: Track): void {
    const asked = [...this.#requests.values()].includes(channel);
    if (track.last < track.top && !asked) this.#behind.add(channel);
  }

  #hold(track: Track, frame: EventFrame): void {
    if (this.#held >= MAX_HELD || track.held.has(frame.seq)) return;
    track.held.set(frame.seq, frame);
    this.#held += 1;
  }

  /** Delivers what is in turn now, and notes the gap when there is one. */
  #release(channel: string, track: Track): void {
    for (const seq of track.held.keys()) if (seq <= track.last) this.#drop(track, seq);
    for (let next = track.held.get(track.last + 1); next; next = track.held.get(track.last + 1)) {
      this.#drop(track, next.seq);
      this.#deliver(track, next);
    }
    this.#note(channel, track);
  }

  #drop(track: Track, seq: number): void {
    if (track.held.delete(seq)) this.#held -= 1;
  }

  #deliver(track: Track, frame: EventFrame): void {
    track.last = frame.seq;
    // Behind all others, so that an active channel is the last to be forgotten.
    if (this.#tracks.delete(frame.ch)) this.#tracks.set(frame.ch, track);
    this.#options.deliver(frame);
  }

  /** Gives up on the events before those at hand, and says so. */
  #skip(channel: string, track: Track): void {
    const upTo = Math.min(track.top, ...[...track.held.keys()].map((seq) => seq - 1));
    track.first = track.last = Math.max(track.last, upTo);
    track.fruitless = 0;
    this.#options.reset(channel, track.last);
  }

  #settle(request: number): [string, Track] | [undefined, undefined] {
    const channel = this.#requests.get(request);
    this.#requests.delete(request);
    const track = channel === undefined ? undefined : this.#tracks.get(channel);
    return channel === undefined || !track ? [undefined, undefined] : [channel, track];
  }
}
