import type { Connection } from "../../../platform/realtime/connection.ts";
import type { Present } from "./leases.ts";

/** Whose sockets this instance serves, and what these say of their users. */
export interface Roster {
  /** Puts a socket in, or notes what it says now. */
  set(connection: Connection, present: Present): void;
  remove(connection: Connection): void;
  /** Takes out those who have had no socket for long enough. */
  expire(): void;
  /** Users of whom something else is to be written than was; the caller writes it. */
  takeChanges(limit: number): [userId: string, present: Present | undefined][];
  /** Gives changes back that could not be written. */
  giveBack(userIds: string[]): void;
  /** Marks everybody as changed. */
  rewrite(): void;
  count(): number;
}

interface User {
  sockets: Map<Connection, Present>;
  /** When the last socket went; they still count for a while, because most come back. */
  leftAt: number | undefined;
  present: Present;
}

/** @param options.lingerMs how long a user whose last socket has gone is still here. */
export function createRoster(options: { lingerMs: number; clock: () => number }): Roster {
  const users = new Map<string, User>();
  /** In the order in which they left. */
  const leaving = new Set<string>();
  const changed = new Set<string>();

  function update(userId: string, user: User): void {
    const values = [...user.sockets.values()];
    const present = values.includes("online") ? "online" : "away";
    // Without a socket they are what they were.
    if (values.length === 0 || present === user.present) return;
    user.present = present;
    changed.add(userId);
  }
  return {
    set: (connection, present) => {
      const { userId } = connection;
      const user = users.get(userId) ?? { sockets: new Map(), leftAt: undefined, present };
      if (!users.has(userId)) changed.add(userId);
      users.set(userId, user);
      leaving.delete(userId);
      user.leftAt = undefined;
      user.sockets.set(connection, present);
      update(userId, user);
    },
    remove: (connection) => {
      const { userId } = connection;
      const user = users.get(userId);
      if (!user?.sockets.delete(connection)) return;
      update(userId, user);
      if (user.sockets.size > 0) return;
      user.leftAt = options.clock();
      leaving.add(userId);
    },
    expire: () => {
      const horizon = options.clock() - options.lingerMs;
      for (const userId of leaving) {
        if ((users.get(userId)?.leftAt ?? 0) > horizon) return;
        leaving.delete(userId);
        users.delete(userId);
        changed.add(userId);
      }
    },
    takeChanges: (limit) => {
      const taken = [...changed].slice(0, limit);
      for (const userId of taken) changed.delete(userId);
      return taken.map((userId) => [userId, users.get(userId)?.present]);
    },
    giveBack: (userIds) => {
      for (const userId of userIds) changed.add(userId);
    },
    rewrite: () => {
      for (const userId of users.keys()) changed.add(userId);
    },
    count: () => users.size,
  };
}
