import type { Command } from "./commands.ts";

/** Something that waits to be sent, as plain data that can be stored. */
export interface StoredCommand {
  /** A UUID; that of a message is its clientId. */
  id: string;
  command: Command;
  /** Milliseconds since 1970. */
  writtenAt: number;
  expiresAt: number;
}

/** Where what was not acknowledged yet is kept for a later socket. */
export interface OutboxStore {
  /** How long something may wait where its caller does not say. */
  readonly lifeMs: number;
  /** The part of it that belongs to one socket. */
  open(): OutboxShare;
}

/** What one socket keeps. It never throws: what cannot be stored still waits in memory. */
export interface OutboxShare {
  /**
   * What no living socket is sending, in the order in which it was written; from now on it is ours. What has expired is
   * thrown away.
   */
  adopt(limit: number): Promise<StoredCommand[]>;
  put(entry: StoredCommand): void;
  remove(id: string): void;
  /** Leaves what is still there to others. */
  close(): void;
}

/** As long as somebody may be expected to wait before the page. */
const MEMORY_LIFE_MS = 60_000;
/** Oldest first; of what more would be left behind, the newest is lost. */
export const MAX_STORED = 1_024;

/** Keeps entries as long as the process, or the page, lives: a socket goes on with what an earlier one could not send. */
export function createMemoryOutbox(lifeMs = MEMORY_LIFE_MS): OutboxStore {
  const left = new Map<string, StoredCommand>();
  return {
    lifeMs,
    open: () => {
      const own = new Map<string, StoredCommand>();
      return {
        adopt: async (limit) => {
          const now = Date.now();
          const taken: StoredCommand[] = [];
          for (const entry of left.values()) {
            if (entry.expiresAt > now && taken.length >= limit) break;
            left.delete(entry.id);
            if (entry.expiresAt > now) taken.push(entry);
          }
          for (const entry of taken) own.set(entry.id, entry);
          return taken;
        },
        put: (entry) => void own.set(entry.id, entry),
        remove: (id) => void own.delete(id),
        close: () => {
          for (const [id, entry] of own) if (left.size < MAX_STORED) left.set(id, entry);
          own.clear();
        },
      };
    },
  };
}
