/** Noted while something of a user is being read: they came or went, so what was read may be out of date. */
interface Turn {
  stale: boolean;
}

/** Puts together what is read of a user and what happens to them meanwhile. */
export interface Turns {
  /**
   * Repeats `read` until the user neither came nor went while it ran, then runs `act` in the same tick.
   * @throws Error when that never happens.
   */
  settled<T>(userId: string, read: () => Promise<T>, act: (value: T) => void): Promise<void>;
  /** The same for many users and one reading: `act` is called for those to whom nothing has happened meanwhile. */
  steady<T>(
    userIds: string[],
    read: () => Promise<T>,
    act: (userId: string, value: T) => void,
  ): Promise<void>;
  /** The user came or went. */
  disturb(userId: string): void;
  /** How many readings are on their way. */
  readonly size: number;
}

/** Each turn re-reads what changed during the last one; more turns than this mean that something is wrong. */
export const MAX_TURNS = 8;

export function createTurns(): Turns {
  const turns = new Map<string, Set<Turn>>();

  function begin(userId: string): Turn {
    const turn: Turn = { stale: false };
    turns.set(userId, (turns.get(userId) ?? new Set()).add(turn));
    return turn;
  }
  function end(userId: string, turn: Turn): void {
    const mine = turns.get(userId);
    mine?.delete(turn);
    if (mine?.size === 0) turns.delete(userId);
  }
  return {
    settled: async (userId, read, act) => {
      const turn = begin(userId);
      try {
        for (let count = 0; count < MAX_TURNS; count += 1) {
          turn.stale = false;
          const value = await read();
          if (!turn.stale) return act(value);
        }
        throw new Error("Cannot attach a socket: its memberships change faster than they are read");
      } finally {
        end(userId, turn);
      }
    },
    steady: async (userIds, read, act) => {
      const mine = userIds.map((userId) => ({ userId, turn: begin(userId) }));
      try {
        const value = await read();
        for (const { userId, turn } of mine) if (!turn.stale) act(userId, value);
      } finally {
        for (const { userId, turn } of mine) end(userId, turn);
      }
    },
    disturb: (userId) => {
      for (const turn of turns.get(userId) ?? []) turn.stale = true;
    },
    get size() {
      return turns.size;
    },
  };
}
