import postgres from "postgres";

import { isConnectionError } from "./database_errors.ts";
import { AppError, Overloaded } from "./errors.ts";
import { TimeoutError, withTimeout } from "./time.ts";

/** Hands out the pool's connections, in turn. */
export interface Slots {
  /**
   * @throws AppError overloaded when too many wait, TimeoutError when no connection comes in time, and whatever
   * `expired` rejects with when nobody waits for it any more.
   */
  take(expired: Promise<never>): Promise<postgres.ReservedSql>;
  isFree(): boolean;
  /** True while somebody waits for a connection. */
  isWanted(): boolean;
  /** Called when somebody begins to wait, so that who has a connection without need may give it back. */
  onWanted(listener: () => void): void;
  /** Lets the next one have its turn; the connection itself is given back by whoever took it. */
  free(): void;
  /** A connection closed inside a transaction. */
  suspect(connection: number): void;
  /** A statement was sent on a connection. */
  trust(connection: number): void;
}

const MAX_WAITING = 2_000;
const RETRY_MS = 250;
const RETRIES = 20;
/** The first round takes the errors that were left over, the second shows that none is left. */
const MEND_ROUND_MS = 500;
const MEND_ROUNDS = 3;

/**
 * postgres.js forgets a waiting reservation when a connection closes and is opened again for it. So no more wait in
 * there than it has connections, and one that takes long is asked for again; whichever comes late is given back.
 */
export function createSlots(sql: postgres.Sql, size: number): Slots {
  const waiting: (() => void)[] = [];
  const listeners: (() => void)[] = [];
  const suspects = new Set<number>();
  let mending: Promise<void> | undefined;
  let taken = 0;

  async function turn(expired: Promise<never>): Promise<void> {
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
    for (const listener of listeners) listener();
    try {
      await Promise.race([mine.promise, expired]);
    } catch (error) {
      const place = waiting.indexOf(mine.resolve);
      // Its turn may have come at the same moment; then it is the next one's.
      if (place === -1) free();
      else waiting.splice(place, 1);
      throw error;
    }
  }
  function free(): void {
    const next = waiting.shift();
    if (next) next();
    else taken -= 1;
  }
  return {
    take: async (expired) => {
      await turn(expired);
      try {
        if (suspects.size > 0) {
          mending ??= mend(sql, size, suspects).finally(() => (mending = undefined));
          await Promise.race([mending, expired]);
        }
        return await reserve(sql, expired);
      } catch (error) {
        free();
        throw error;
      }
    },
    isFree: () => taken < size,
    isWanted: () => waiting.length > 0,
    onWanted: (listener) => void listeners.push(listener),
    free,
    suspect: (connection) => void suspects.add(connection),
    trust: (connection) => void suspects.delete(connection),
  };
}

async function reserve(sql: postgres.Sql, expired: Promise<never>): Promise<postgres.ReservedSql> {
  const won = Promise.withResolvers<postgres.ReservedSql>();
  let settled = false;
  function offer(connection: postgres.ReservedSql): void {
    if (settled) return connection.release();
    settled = true;
    won.resolve(connection);
  }
  function ask(): void {
    sql.reserve().then(offer, (error: unknown) => {
      if (isLeftOver(error) && !settled) ask();
      else won.reject(error);
    });
  }
  try {
    for (let attempt = 0; attempt < RETRIES; attempt += 1) {
      ask();
      const offered = Promise.race([won.promise, expired]);
      try {
        return await withTimeout(offered, { what: "a connection", timeoutMs: RETRY_MS });
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
      }
    }
    throw new TimeoutError("Cannot take a connection: the database does not answer");
  } catch (error) {
    // One that was offered at this very moment would otherwise be nobody's.
    if (settled) void won.promise.then((connection) => connection.release());
    settled = true;
    throw error;
  }
}

/**
 * When Postgres ends a connection in the middle of a statement, postgres.js hands the error of that statement also to
 * whoever asks for the connection next, although it has just been opened again.
 */
function isLeftOver(error: unknown): boolean {
  return error instanceof postgres.PostgresError && isConnectionError(error);
}

/** Undefined when some of them have not ended after a while. */
async function settledInTime<T>(
  work: PromiseLike<T>[],
): Promise<PromiseSettledResult<T>[] | undefined> {
  try {
    const all = Promise.allSettled(work);
    return await withTimeout(all, { what: "a round of queries", timeoutMs: MEND_ROUND_MS });
  } catch (error) {
    if (error instanceof TimeoutError) return undefined;
    throw error;
  }
}

/**
 * A reservation that is met by a left-over error takes its connection out of the pool for up to an hour, while a plain
 * query is only refused. As many of those as there are connections reach each one that nobody has.
 * @throws what the database answers when it is away.
 */
async function mend(sql: postgres.Sql, size: number, suspects: Set<number>): Promise<void> {
  for (let round = 0; round < MEND_ROUNDS && suspects.size > 0; round += 1) {
    const queries = Array.from({ length: size }, () => sql.unsafe("select 1").simple());
    const answers = await settledInTime(queries);
    // A query may be forgotten like a reservation; whoever reserves asks again, so nobody has to wait for it here.
    if (answers === undefined) break;
    const failures = answers.filter((answer) => answer.status === "rejected");
    const away = failures.find(({ reason }) => !isLeftOver(reason));
    if (away !== undefined && failures.length === size) throw away.reason;
  }
  // Whichever is left is held by somebody, who will find out.
  suspects.clear();
}
