import { faultOf, isBlank, markOf, type Told } from "./consistency_events.ts";

/** Positions between two events that came right after each other, both ends included. */
export interface Gap {
  from: number;
  to: number;
}

/** What one client was told of one channel since it was asked last. */
export interface Testimony {
  /** What stood at each position, unasked or not. */
  told: Map<number, number>;
  /** Positions that came unasked. */
  live: Set<number>;
  /** What was left out between two unasked events of one socket. */
  liveGaps: Gap[];
  /** What was left out within one answer to `sync`. */
  pageGaps: Gap[];
  /** Every telling of a change, because who may not see the message is told of it without what it says. */
  edits: ToldEdit[];
}

/** A change of what a message says, as it was told once. */
export interface ToldEdit {
  seq: number;
  /** Position of the message. */
  about: number;
  isBlank: boolean;
}

/** Hears everything that the sockets of a client are told, before the client does. */
export interface Witness {
  /** For the client, in place of that of the runtime. */
  WebSocket: typeof WebSocket;
  /** Takes the texts of one socket, in the order in which they come. */
  listen: () => (text: string) => void;
  of: (channel: string) => Testimony;
  /** Forgets what was told, so that a long run needs no more memory than a short one. */
  forget: () => void;
  /** What is wrong whatever else is true. */
  faults: string[];
  /** How many sockets were greeted. */
  readonly connects: number;
  /** How many answers to `sync` came. */
  readonly syncs: number;
}

interface Frame {
  t: string;
  ev?: Told[];
  reset?: boolean;
  ch?: string;
}

/** Faults are kept up to this many: one alone fails the run. */
const MAX_FAULTS = 100;

export function openWitness(): Witness {
  const testimonies = new Map<string, Testimony>();
  const faults: string[] = [];
  let [connects, syncs] = [0, 0];

  function of(channel: string): Testimony {
    const known = testimonies.get(channel) ?? createTestimony();
    testimonies.set(channel, known);
    return known;
  }
  function blame(fault: string): void {
    if (faults.length < MAX_FAULTS) faults.push(fault);
  }
  function hear(event: Told): Testimony {
    const testimony = of(event.ch);
    const fault = faultOf(event);
    if (fault !== undefined) blame(fault);
    const mark = markOf(event.k, event.d);
    const before = testimony.told.get(event.seq);
    if (before !== undefined && before !== mark)
      blame(`${event.seq} of ${event.ch} was told twice, and not the same`);
    testimony.told.set(event.seq, mark);
    const { seq, k, d } = event;
    if (k === "msg.edit")
      testimony.edits.push({ seq, about: Number(d["messageSeq"]), isBlank: isBlank(event) });
    return testimony;
  }
  function hearLive(event: Told, positions: Map<string, number>): void {
    const { live, liveGaps } = hear(event);
    const last = positions.get(event.ch);
    if (last !== undefined && event.seq <= last)
      blame(`${event.seq} of ${event.ch} came unasked behind ${last}`);
    else if (last !== undefined && event.seq > last + 1)
      liveGaps.push({ from: last + 1, to: event.seq - 1 });
    positions.set(event.ch, Math.max(event.seq, last ?? 0));
    live.add(event.seq);
  }
  function hearPage({ ev = [], reset }: Frame): void {
    syncs += 1;
    if (reset === true) blame("a sync was answered with a reset, where every event is kept");
    let last: number | undefined;
    for (const event of ev) {
      const { pageGaps } = hear(event);
      if (last !== undefined && event.seq <= last)
        blame(`${event.seq} of ${event.ch} came behind ${last} in one answer`);
      else if (last !== undefined && event.seq > last + 1)
        pageGaps.push({ from: last + 1, to: event.seq - 1 });
      last = event.seq;
    }
  }

  function listen(): (text: string) => void {
    const positions = new Map<string, number>();
    return (text) => {
      const value = JSON.parse(text) as Frame | Frame[];
      for (const frame of Array.isArray(value) ? value : [value]) {
        if (frame.t === "ev") hearLive(frame as unknown as Told, positions);
        else if (frame.t === "sync.ok") hearPage(frame);
        else if (frame.t === "hello.ok") connects += 1;
      }
    };
  }
  class HeardSocket extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      const hear = listen();
      this.addEventListener("message", ({ data }: MessageEvent<string>) => hear(data));
    }
  }
  return {
    WebSocket: HeardSocket as unknown as typeof WebSocket,
    listen,
    of,
    forget: () => testimonies.clear(),
    faults,
    get connects() {
      return connects;
    },
    get syncs() {
      return syncs;
    },
  };
}

function createTestimony(): Testimony {
  return { told: new Map(), live: new Set(), liveGaps: [], pageGaps: [], edits: [] };
}
