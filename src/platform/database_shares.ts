import type { Hold, Holds, Term } from "./database_holds.ts";
import type { Slots } from "./database_slots.ts";

/** A connection that reads share. */
export interface Share {
  hold: Hold;
  /** Reads under way. */
  count: number;
  /** Since when the first of them has been waiting for its answer. */
  since: number;
}

/** Reads on one connection at once: enough to keep it busy, few enough that a slow one keeps few others waiting. */
const MAX_SHARING = 8;
/** As many connections work side by side before reads share one; more of them would only be colder. */
const MIN_SHARES = 4;
/** Whoever comes later than this behind a read that is not answered yet takes another connection. */
const QUICK_MS = 2;

/** Lends connections to reads. */
export interface Shares {
  /** @throws as `Slots.take`. */
  join(term: Term): Promise<Share>;
  /** The read has been answered, whatever the answer. */
  leave(share: Share): void;
  /** Gives every connection back as soon as no read is using it. */
  close(): void;
}

/** Nobody is pushed aside: while a transaction waits for a connection, reads queue behind it. */
export function createShares(holds: Holds, slots: Slots): Shares {
  const shares = new Set<Share>();
  let closed = false;

  async function join(term: Term): Promise<Share> {
    let share = slots.isWanted() ? undefined : findShare(shares, slots);
    if (!share) {
      share = { hold: await holds.take(term.expired), count: 0, since: 0 };
      shares.add(share);
      share.hold.listeners.add(release);
    }
    if (share.count === 0) share.since = performance.now();
    share.count += 1;
    return share;
  }
  function leave(share: Share): void {
    share.count -= 1;
    share.since = performance.now();
    // Kept for the next read, unless somebody else is waiting for it.
    const isKept = share.hold.open && !closed && !slots.isWanted();
    if (share.count === 0 && !isKept) give(share);
  }
  function give(share: Share): void {
    shares.delete(share);
    share.hold.listeners.delete(release);
    holds.give(share.hold);
  }
  function release(): void {
    for (const share of shares) if (share.count === 0) give(share);
  }
  slots.onWanted(release);
  return {
    join,
    leave,
    close: () => {
      closed = true;
      release();
    },
  };
}

/** The least used of those that answer quickly; none, while another connection would answer sooner. */
function findShare(shares: Set<Share>, slots: Slots): Share | undefined {
  const now = performance.now();
  let best: Share | undefined;
  for (const share of shares) {
    if (!share.hold.open || share.count >= (best?.count ?? MAX_SHARING)) continue;
    if (share.count === 0 || now - share.since < QUICK_MS) best = share;
  }
  const mayTakeAnother = shares.size < MIN_SHARES && slots.isFree();
  return mayTakeAnother && best?.count !== 0 ? undefined : best;
}
