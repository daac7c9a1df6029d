/**
 * What was counted in Redis ahead of its time, so that whoever sends much does not wait for Redis each time. It lasts for
 * a moment only: what is not used by then has been counted in vain.
 */
export interface Credit {
  /** Takes as much of what is wanted as there is. */
  take(subject: string, wanted: number): number;
  add(subject: string, amount: number): void;
  /** How much to count ahead for a subject that has just wanted this much: nothing for one that seldom wants anything. */
  ahead(subject: string, wanted: number): number;
  size(): number;
}

export interface CreditOptions {
  /** In milliseconds; only differences count. */
  now: () => number;
  maxSubjects: number;
}

interface Account {
  left: number;
  /** Since when the subject has wanted something every moment. */
  busySince: number;
  seenAt: number;
  expiresAt: number;
}

const MOMENT_MS = 1_000;
/** Enough for what comes until Redis has answered. */
const AHEAD_FACTOR = 2;
const MAX_AHEAD = 256;

export function createCredit({ now, maxSubjects }: CreditOptions): Credit {
  const accounts = new Map<string, Account>();

  /** The longest unseen make room: what they lose is counted in vain, and nothing worse. */
  function see(subject: string): Account {
    const at = now();
    const known = accounts.get(subject);
    const isBusy = known !== undefined && at - known.seenAt < MOMENT_MS;
    const account = known ?? { left: 0, busySince: at, seenAt: at, expiresAt: at };
    if (!isBusy) account.busySince = at;
    if (at >= account.expiresAt) account.left = 0;
    account.seenAt = at;
    accounts.delete(subject);
    accounts.set(subject, account);
    const [oldest] = accounts.keys();
    if (accounts.size > maxSubjects && oldest !== undefined) accounts.delete(oldest);
    return account;
  }
  return {
    take: (subject, wanted) => {
      const account = see(subject);
      const taken = Math.min(wanted, account.left);
      account.left -= taken;
      return taken;
    },
    add: (subject, amount) => {
      if (amount <= 0) return;
      const account = see(subject);
      account.left += amount;
      account.expiresAt = now() + MOMENT_MS;
    },
    ahead: (subject, wanted) => {
      const account = accounts.get(subject);
      if (!account || account.seenAt === account.busySince) return 0;
      return Math.max(0, Math.min(AHEAD_FACTOR * wanted, MAX_AHEAD) - account.left);
    },
    size: () => accounts.size,
  };
}
