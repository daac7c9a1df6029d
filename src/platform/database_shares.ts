import type { Hold, Holds, Term } from "./database_holds.ts";
import type { Slots } from "./database_slots.ts";

/** A connection that reads share. */
export interface Share {
  /** Undefined until the connection is there. */
  hold: Hold | undefined;
  ready: Promise<Hold>;
  /** Reads that are under way, or that wait for the connection. */
  count: number;
  /** Since when the first of them has been waiting for its answer. */
  since: number;
  /** Set when its connection failed: it is about to close, and what is sent meanwhile is never answered. */
  isLost: boolean;
}

/** Reads on one connection at once: enough to keep it busy, few enough that a slow one keeps few others waiting. */
const MAX_SHARING = 8;
/** Whoever comes later than this behind a read that is not answered yet takes another connection. */
const QUICK_MS = 2;

/** Lends connections to reads. */
export interface Shares {
  /** @throws as `Slots.take`. */
  join(term: Term): Promise<{ share: Share; hold: Hold }>;
  /** The read has been answered, whatever the answer. */
  leave(share: Share): void;
  /** Gives every connection back as soon as no read is using it. */
  close(): void;
}

/**
 * Nobody is pushed aside: while a transaction waits for a connection, reads wait behind it, and only as many come along
 * with one that waits already as share a connection anyway.
 */
export function createShares(holds: Holds, slots: Slots): Shares {
  const shares = new Set<Share>();
  let closed = false;

  function open(term: Term): Share {
    const ready = holds.take(term.expired);
    const share: Share = { hold: undefined, ready, count: 0, since: 0, isLost: false };
    shares.add(share);
    ready.then(
      (hold) => {
        share.hold = hold;
        share.since = performance.now();
        hold.listeners.add(release);
        settle(share);
      },
      () => shares.delete(share),
    );
    return share;
  }
  function leave(share: Share): void {
    share.count -= 1;
    share.since = performance.now();
    settle(share);
  }
  /** Keeps an idle connection for the next read, unless somebody else is waiting for it. */
  function settle(share: Share): void {
    if (share.count > 0 || !share.hold) return;
    if (closed || share.isLost || !share.hold.open || slots.isWanted()) give(share, share.hold);
  }
  function give(share: Share, hold: Hold): void {
    shares.delete(share);
    hold.listeners.delete(release);
    holds.give(hold);
  }
  function release(): void {
    for (const share of shares) if (share.count === 0 && share.hold) give(share, share.hold);
  }
  slots.onWanted(release);

  return {
    join: async (term) => {
      const share = findShare(shares, slots) ?? open(term);
      if (share.count === 0) share.since = performance.now();
      share.count += 1;
      try {
        return { share, hold: share.hold ?? (await Promise.race([share.ready, term.expired])) };
      } catch (error) {
        leave(share);
        throw error;
      }
    },
    leave,
    close: () => {
      closed = true;
      release();
    },
  };
}

/** The least used of those that answer quickly; none, where another connection would answer sooner. */
function findShare(shares: Set<Share>, slots: Slots): Share | undefined {
  let best: Share | undefined;
  for (const share of shares)
    if (share.count < (best?.count ?? MAX_SHARING) && isJoinable(share, slots)) best = share;
  return slots.isFree() && best?.count !== 0 ? undefined : best;
}

function isJoinable({ hold, isLost, count, since }: Share, slots: Slots): boolean {
  if (!hold) return true;
  if (isLost || !hold.open || slots.isWanted()) return false;
  return count === 0 || performance.now() - since < QUICK_MS;
}
