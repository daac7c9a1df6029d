/**
 * A node may hand out what is said in a channel only while it would hear that somebody has left it. Each proof of that
 * holds for a while; without one the node serves nobody.
 */
export interface Lease {
  /** All that had happened by `at`, a time of `performance.now()`, is known here. */
  prove(at: number): void;
  isHeld(): boolean;
  stop(): void;
}

export interface LeaseOptions {
  /** Called once each time the lease runs out. */
  onLost: () => void;
  lifeMs?: number;
}

const LIFE_MS = 5_000;
const LOOK_MS = 250;
/** A longer step means that the process itself was held up: meanwhile it has sent nothing to anybody. */
const MAX_STEP_MS = 2 * LOOK_MS;

export function createLease({ onLost, lifeMs = LIFE_MS }: LeaseOptions): Lease {
  let provenAt = performance.now();
  let lookedAt = provenAt;
  let isHeld = true;

  function look(): void {
    const now = performance.now();
    provenAt += Math.max(0, now - lookedAt - MAX_STEP_MS);
    lookedAt = now;
    if (!isHeld || now - provenAt <= lifeMs) return;
    isHeld = false;
    onLost();
  }
  const timer = setInterval(look, LOOK_MS);
  return {
    prove: (at) => {
      if (at <= provenAt) return;
      provenAt = at;
      isHeld ||= performance.now() - at <= lifeMs;
    },
    isHeld: () => isHeld,
    stop: () => clearInterval(timer),
  };
}
