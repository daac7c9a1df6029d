/**
 * Finds out whether a connection still carries messages, by sending oneself one now and then: a connection may look alive
 * and be deaf.
 *
 * States: hearing → deaf (`onDeaf`, again after each such time) → hearing (`onMissed`, as after a beat among others).
 */
export interface Canary {
  /** Takes a beat that the connection has brought. */
  hear(beat: string): void;
  /** False from the moment at which the connection was found to be deaf until it brings a beat again. */
  readonly isHearing: boolean;
  stop(): void;
}

export interface CanaryOptions {
  /** Sends a beat on the way that messages go. */
  sing: (beat: string) => Promise<void>;
  /** A beat has come and every one before it, so nothing was lost up to now. */
  onHeard: () => void;
  /** A beat was lost, and so may be other messages. */
  onMissed: () => void;
  /** No beat has come back for three intervals. */
  onDeaf: (state: Deafness) => void;
  intervalMs?: number;
}

interface Deafness {
  /** Whether sending fails as well. */
  isMute: boolean;
  /** False when it was deaf already and what was done about it has not helped. */
  isNew: boolean;
}

/** Four of them, which is how long it takes at most until a deaf connection is found, are less than 3 s. */
const INTERVAL_MS = 700;
/** Beats in a row that did not come back before the next one was due. */
const MAX_SILENT = 2;

export function createCanary(options: CanaryOptions): Canary {
  let sung = 0;
  let heard = 0;
  let silent = 0;
  let isMute = false;
  let isHearing = true;

  function beat(): void {
    // Counted in beats and not by a clock, so that a process that was held up for a while does not take itself for deaf.
    silent = heard === sung ? 0 : silent + 1;
    if (silent > MAX_SILENT) {
      const isNew = isHearing;
      silent = 0;
      isHearing = false;
      options.onDeaf({ isMute, isNew });
    }
    sung += 1;
    options.sing(String(sung)).then(
      () => (isMute = false),
      () => (isMute = true),
    );
  }
  const timer = setInterval(beat, options.intervalMs ?? INTERVAL_MS);
  return {
    hear: (text) => {
      const number = Number(text);
      // A beat of long ago, which a repaired connection has brought late, says nothing.
      if (!(number > heard && number <= sung)) return;
      const isNext = number === heard + 1;
      heard = number;
      isHearing = true;
      if (isNext) options.onHeard();
      else options.onMissed();
    },
    get isHearing() {
      return isHearing;
    },
    stop: () => clearInterval(timer),
  };
}
