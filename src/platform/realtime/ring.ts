import type { ChannelEvent } from "./source.ts";

/** What a node holds of all channels together, in UTF-16 units of their frames; it stays below the bound. */
export interface EventBudget {
  size: number;
  readonly limit: number;
}

/** The last events of one channel, for sockets that come back or come in while it moves on. */
export interface Ring {
  push(event: ChannelEvent): void;
  /** The events behind `after` up to and with `last`, or undefined when they are not all at hand. */
  between(after: number, last: number): ChannelEvent[] | undefined;
  /** Gives back what it holds. */
  clear(): void;
}

const RING_EVENTS = 64;
/** Of one channel in UTF-16 units; a few long messages must not take the place of everybody's short ones. */
const RING_SIZE = 65_536;
/** At most 128 MB. */
const NODE_SIZE = 67_108_864;

export function createEventBudget(limit = NODE_SIZE): EventBudget {
  return { size: 0, limit };
}

export function createRing(budget: EventBudget): Ring {
  let events: ChannelEvent[] = [];
  let size = 0;

  function count(change: number): void {
    size += change;
    budget.size += change;
  }
  function dropFirst(): void {
    const first = events.shift();
    if (first) count(-first.frame.length);
  }
  function erase(seq: number): void {
    const at = events.findIndex((event) => event.seq === seq);
    const [erased] = at === -1 ? [] : events.splice(at, 1);
    if (erased) count(-erased.frame.length);
  }
  return {
    push: (event) => {
      if (event.erases !== undefined) erase(event.erases);
      events.push(event);
      count(event.frame.length);
      // What does not fit is read from where it is kept; an event that is larger than the bound is not kept at all.
      while (
        events.length > 0 &&
        (events.length > RING_EVENTS || size > RING_SIZE || budget.size > budget.limit)
      )
        dropFirst();
    },
    between: (after, last) => {
      const found = events.filter((event) => event.seq > after);
      return found.length === last - after ? found : undefined;
    },
    clear: () => {
      count(-size);
      events = [];
    },
  };
}
