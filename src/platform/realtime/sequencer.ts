import type { ChannelEvent } from "./source.ts";

/** Events that arrived ahead of their turn, at most this many; more are read from Postgres instead. */
const MAX_HELD = 256;
/** Events kept behind the present position, for a socket that attaches while the channel moves on. */
const RING = 64;

/**
 * Puts the events of one channel back into their order. Instances publish after their commits, so what arrives is in
 * order almost always, but not always; an event that is ahead waits for the one before it.
 *
 * States: unplaced (position unknown, everything is held) → placed (position known). `offer` and `place` move it on.
 */
export interface Sequencer {
  /** Position of the last event that was let through; undefined before `place`. */
  readonly last: number | undefined;
  /** True while an event waits for one that has not come. */
  readonly hasGap: boolean;
  /** Takes an event in any order; a repeated one is dropped. */
  offer(event: ChannelEvent): void;
  /** Sets the position from which the channel is followed; only the first call counts. */
  place(position: number): void;
  /** The events behind `after`, or undefined when they are no longer all at hand. */
  since(after: number): ChannelEvent[] | undefined;
}

export function createSequencer(emit: (event: ChannelEvent) => void): Sequencer {
  const held = new Map<number, ChannelEvent>();
  const ring: ChannelEvent[] = [];
  let last: number | undefined;

  function drain(): void {
    if (last === undefined) return;
    for (const seq of held.keys()) if (seq <= last) held.delete(seq);
    for (let next = held.get(last + 1); next; next = held.get(last + 1)) {
      held.delete(next.seq);
      last = next.seq;
      ring.push(next);
      if (ring.length > RING) ring.shift();
      emit(next);
    }
  }
  return {
    get last() {
      return last;
    },
    get hasGap() {
      return last !== undefined && held.size > 0;
    },
    offer: (event) => {
      if (last !== undefined && event.seq <= last) return;
      // A dropped event leaves the gap open, which the repair then closes from the database.
      if (held.size >= MAX_HELD && event.seq !== (last ?? -1) + 1) return;
      held.set(event.seq, event);
      drain();
    },
    place: (position) => {
      if (last !== undefined) return;
      last = position;
      drain();
    },
    since: (after) => {
      if (last === undefined || after >= last) return [];
      const events = ring.filter((event) => event.seq > after);
      return events.length === last - after ? events : undefined;
    },
  };
}
