import { createRing, type EventBudget } from "./ring.ts";
import type { ChannelEvent } from "./source.ts";

/** Events that arrived ahead of their turn, at most this many; more are read from where they are kept instead. */
const MAX_HELD = 256;
/** The same in UTF-16 units of their frames. */
const MAX_HELD_SIZE = 1_048_576;

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
  /** How many events wait. */
  readonly held: number;
  /** Takes an event in any order; a repeated one is dropped. */
  offer(event: ChannelEvent): void;
  /** Sets the position from which the channel is followed; only the first call counts. */
  place(position: number): void;
  /** The events behind `after`, or undefined when they are no longer all at hand. */
  since(after: number): ChannelEvent[] | undefined;
  /** Gives back all that it holds; nothing is offered to it any more. */
  clear(): void;
}

export function createSequencer(
  emit: (event: ChannelEvent) => void,
  budget: EventBudget,
): Sequencer {
  const ring = createRing(budget);
  const held = new Map<number, ChannelEvent>();
  let heldSize = 0;
  let last: number | undefined;

  function pass(event: ChannelEvent): void {
    last = event.seq;
    ring.push(event);
    emit(event);
  }
  function hold(event: ChannelEvent): void {
    const size = event.frame.length;
    // A dropped event leaves the gap open, which the repair then closes from where events are kept.
    if (held.has(event.seq) || held.size >= MAX_HELD || heldSize + size > MAX_HELD_SIZE) return;
    if (budget.size + size > budget.limit) return;
    held.set(event.seq, event);
    count(size);
  }
  function take(seq: number): ChannelEvent | undefined {
    const event = held.get(seq);
    if (event && held.delete(seq)) count(-event.frame.length);
    return event;
  }
  function count(change: number): void {
    heldSize += change;
    budget.size += change;
  }
  function drain(): void {
    if (last === undefined || held.size === 0) return;
    for (const seq of held.keys()) if (seq <= last) take(seq);
    for (let next = take(last + 1); next; next = take(last + 1)) pass(next);
  }
  return {
    get last() {
      return last;
    },
    get hasGap() {
      return last !== undefined && held.size > 0;
    },
    get held() {
      return held.size;
    },
    offer: (event) => {
      if (last === undefined) return hold(event);
      if (event.seq <= last) return;
      if (event.seq > last + 1) return hold(event);
      pass(event);
      drain();
    },
    place: (position) => {
      if (last !== undefined) return;
      last = position;
      drain();
    },
    since: (after) => {
      if (last === undefined || after >= last) return [];
      return ring.between(after, last);
    },
    clear: () => {
      ring.clear();
      held.clear();
      count(-heldSize);
    },
  };
}
