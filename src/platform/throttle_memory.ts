import { highestLevel, KNOWN_LIFE_MS, MAX_KNOWN, type ThrottlePolicy } from "./throttle_policy.ts";

/** One count that an attempt has to pass. */
export interface Count {
  key: string;
  policy: ThrottlePolicy;
}

/** What an attempt has to pass: counts, and who asks of which account. */
export interface Counted {
  counts: Count[];
  /** Where the callers known to the account are. */
  knownKey: string;
  /** Undefined where nobody can be known. */
  caller: string | undefined;
}

/** What taking has changed on one count, so that it can be undone. */
export interface Change {
  added: number;
  until: number;
  before: number;
}

export type TakeResult = { waitMs: number } | { changes: Change[] };

/** The same rules as in Redis, for one process and while Redis is away. */
export interface MemoryThrottle {
  /** `admit` counts the try although it may have to wait, because Redis has admitted it. */
  take(counted: Counted, options?: { admit: boolean }): TakeResult;
  settle(counted: Counted, changes: Change[], hasSucceeded: boolean): void;
  /** How many counts and accounts are held. */
  size(): number;
}

interface State {
  level: number;
  at: number;
  until: number;
  longestWaitMs: number;
}

const SWEEP_PAUSE_MS = 1_000;

/**
 * Holds at most `maxEntries` counts. Where no more fit, newcomers share one count for each policy: strict, but nobody
 * can push out the count of another by making many of his own.
 */
export function createMemoryThrottle(options: {
  now: () => Date;
  maxEntries: number;
}): MemoryThrottle {
  const states = createStates(options.maxEntries);
  const known = createKnown(options.maxEntries);
  return {
    take: (counted, { admit } = { admit: false }) => {
      const at = options.now().getTime();
      const isWaived = known.has(counted, at);
      const rows = counted.counts.map((count) => {
        const key = states.keyOf(count, at);
        return { key, policy: count.policy, state: states.read(key, count.policy, at) };
      });
      const binding = rows.filter(({ policy }) => !(isWaived && policy.isWaivedForKnown));
      const waitMs = Math.max(0, ...binding.map(({ state }) => state.until - at));
      if (waitMs > 0 && !admit) return { waitMs };
      const changes = rows.map(({ key, policy, state }) => {
        const next = add(state, policy);
        states.write(key, next);
        return { added: next.level - state.level, until: next.until, before: state.until };
      });
      return { changes };
    },
    settle: (counted, changes, hasSucceeded) => {
      const at = options.now().getTime();
      for (const [index, count] of counted.counts.entries()) {
        const { policy } = count;
        const key = states.keyOf(count, at);
        const change = changes[index];
        if (!states.has(key) || !change) continue;
        // What is shared is not one caller's to forgive.
        const isReset = hasSucceeded && policy.isResetBySuccess && key === count.key;
        if (isReset) states.delete(key);
        else states.write(key, takeBack(states.read(key, policy, at), change, policy));
      }
      if (hasSucceeded) known.add(counted, at);
    },
    size: () => states.size() + known.size(),
  };
}

function createStates(maxEntries: number) {
  const states = new Map<string, State>();
  let sweptAt = Number.NEGATIVE_INFINITY;

  function sweep(at: number): void {
    if (at - sweptAt < SWEEP_PAUSE_MS) return;
    sweptAt = at;
    for (const [key, state] of states) if (isSpent(state, at)) states.delete(key);
  }
  return {
    /** The key of a count, or where there is no room for it the one that it shares. */
    keyOf: ({ key, policy }: Count, at: number): string => {
      if (states.has(key)) return key;
      if (states.size >= maxEntries) sweep(at);
      return states.size < maxEntries ? key : `shared by all others: ${policy.name}`;
    },
    read: (key: string, { longestWaitMs }: ThrottlePolicy, at: number): State => {
      const { level, until, at: since } = states.get(key) ?? { level: 0, until: 0, at };
      const forgiven = Math.max(0, at - since) / longestWaitMs;
      return {
        level: Math.max(0, level - forgiven),
        at,
        until: Math.min(until, at + longestWaitMs),
        longestWaitMs,
      };
    },
    write: (key: string, state: State): void => {
      if (isSpent(state, state.at)) states.delete(key);
      else states.set(key, state);
    },
    has: (key: string) => states.has(key),
    delete: (key: string) => states.delete(key),
    size: () => states.size,
  };
}

/** Which callers have succeeded with which accounts; the account that was there longest ago makes room. */
function createKnown(maxAccounts: number) {
  const accounts = new Map<string, Map<string, number>>();
  return {
    has: ({ knownKey, caller }: Counted, at: number): boolean => {
      const seen = caller === undefined ? undefined : accounts.get(knownKey)?.get(caller);
      return seen !== undefined && at - seen < KNOWN_LIFE_MS;
    },
    add: ({ knownKey, caller }: Counted, at: number): void => {
      if (caller === undefined) return;
      const callers = accounts.get(knownKey) ?? new Map<string, number>();
      putLast(callers, { key: caller, value: at, limit: MAX_KNOWN });
      putLast(accounts, { key: knownKey, value: callers, limit: maxAccounts });
    },
    size: () => accounts.size,
  };
}

function putLast<V>(map: Map<string, V>, entry: { key: string; value: V; limit: number }): void {
  map.delete(entry.key);
  map.set(entry.key, entry.value);
  for (const key of map.keys()) {
    if (map.size <= entry.limit) return;
    map.delete(key);
  }
}

function isSpent({ level, at, until, longestWaitMs }: State, now: number): boolean {
  return level * longestWaitMs <= now - at && until <= now;
}

function add(state: State, policy: ThrottlePolicy): State {
  const { freeFailures, firstWaitMs, longestWaitMs } = policy;
  const level = Math.min(state.level + 1, Math.max(state.level, highestLevel(policy)));
  if (level + 1 <= freeFailures) return { ...state, level };
  const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.max(0, level - freeFailures));
  return { ...state, level, until: Math.max(state.until, state.at + Math.ceil(waitMs)) };
}

function takeBack(state: State, change: Change, policy: ThrottlePolicy): State {
  const level = Math.max(0, state.level - change.added);
  if (level + 1 <= policy.freeFailures) return { ...state, level, until: 0 };
  return { ...state, level, until: state.until === change.until ? change.before : state.until };
}
