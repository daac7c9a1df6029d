import { createLiveCheck, emptyLog, type EventLog, markOf } from "./consistency_log.ts";

/** An event as the socket tells it. */
export interface Told {
  ch: string;
  seq: number;
  k: string;
  d: { id?: string; body?: string };
}

/** One conversation of one client: applies events in their order, once, and asks for those that are missing. */
export interface ChannelReader {
  readonly last: number;
  readonly log: EventLog;
  /** Events out of order in what was asked for. */
  readonly faults: number;
  /** Takes an event that came unasked. */
  take: (event: Told) => void;
  /** The conversation is known to be as far as this. */
  expect: (top: number) => void;
  /** Takes the answer to what it has asked for. */
  fill: (events: Told[], more: boolean) => void;
  /** The socket has ended: nothing that was asked for will come. */
  forget: () => void;
}

/** Events ahead of their turn; what does not fit is asked for again. */
const MAX_HELD = 1_000;

export function createChannelReader(ask: (from: number) => void): ChannelReader {
  const log = emptyLog();
  const held = new Map<number, Told>();
  let last = 0;
  let asking = false;
  let faults = 0;

  function hold(event: Told): void {
    if (event.seq > last && held.size < MAX_HELD) held.set(event.seq, event);
  }
  function apply(): void {
    for (let next = held.get(last + 1); next; next = held.get(last + 1)) {
      held.delete(next.seq);
      last = next.seq;
      log.seqs.push(next.seq);
      log.marks.push(markOf(next.k, next.d.id ?? "", next.d.body ?? ""));
    }
  }
  function request(): void {
    if (asking) return;
    asking = true;
    ask(last);
  }
  return {
    get last() {
      return last;
    },
    get faults() {
      return faults;
    },
    log,
    take: (event) => {
      hold(event);
      apply();
      if (held.size > 0) request();
    },
    expect: (top) => {
      if (top > last) request();
    },
    fill: (events, more) => {
      asking = false;
      const order = createLiveCheck();
      const before = last;
      for (const event of events) {
        order.take(event.seq);
        hold(event);
        apply();
      }
      for (const seq of held.keys()) if (seq <= last) held.delete(seq);
      faults += order.faults;
      // Where nothing was new, the next heartbeat tells whether anything is missing.
      if (more || (held.size > 0 && last > before)) request();
    },
    forget: () => {
      asking = false;
      held.clear();
    },
  };
}
