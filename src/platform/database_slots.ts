import type postgres from "postgres";

import { AppError, Overloaded } from "./errors.ts";
import { TimeoutError, withTimeout } from "./time.ts";

/** Hands out the pool's connections, in turn. */
export interface Slots {
  /** @throws AppError overloaded when too many wait, TimeoutError when no connection comes in time. */
  take(): Promise<postgres.ReservedSql>;
  /** Lets the next one have its turn; the connection itself is given back by whoever took it. */
  free(): void;
}

const MAX_WAITING = 2_000;
const RETRY_MS = 250;
const RETRIES = 20;

/**
 * postgres.js forgets a waiting reservation when a connection closes and is opened again for it. So no more wait in
 * there than it has connections, and one that takes long is asked for again; whichever comes late is given back.
 */
export function createSlots(sql: postgres.Sql, size: number): Slots {
  const waiting: (() => void)[] = [];
  let taken = 0;

  async function turn(): Promise<void> {
    if (taken < size) {
      taken += 1;
      return;
    }
    if (waiting.length >= MAX_WAITING)
      throw new AppError(Overloaded, "Cannot take a connection: too many wait", {
        headers: { "retry-after": "2" },
      });
    const mine = Promise.withResolvers<void>();
    waiting.push(mine.resolve);
    await mine.promise;
  }
  function free(): void {
    const next = waiting.shift();
    if (next) next();
    else taken -= 1;
  }
  return {
    take: async () => {
      await turn();
      try {
        return await reserve(sql);
      } catch (error) {
        free();
        throw error;
      }
    },
    free,
  };
}

async function reserve(sql: postgres.Sql): Promise<postgres.ReservedSql> {
  const won = Promise.withResolvers<postgres.ReservedSql>();
  let settled = false;
  function offer(connection: postgres.ReservedSql): void {
    if (settled) return connection.release();
    settled = true;
    won.resolve(connection);
  }
  for (let attempt = 0; attempt < RETRIES; attempt += 1) {
    sql.reserve().then(offer, (error: unknown) => won.reject(error));
    try {
      return await withTimeout(won.promise, { what: "a connection", timeoutMs: RETRY_MS });
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  }
  settled = true;
  throw new TimeoutError("Cannot take a connection: the database does not answer");
}
