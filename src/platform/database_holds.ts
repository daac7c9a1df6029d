import type postgres from "postgres";

import type { ExpiredError } from "./database_errors.ts";
import type { Slots } from "./database_slots.ts";
import { TimeoutError, withTimeout } from "./time.ts";

/** The part of postgres.js that Drizzle's session uses. */
export type Client = postgres.Sql;
export type Sent = ReturnType<Client["unsafe"]>;

/** A connection in the hands of one transaction, or of reads that share it. */
export interface Hold {
  connection: postgres.ReservedSql;
  /** Stands at the head of each BEGIN, and tells which connection it went out on. */
  mark: string;
  /** postgres.js' own number of the connection, known as soon as a BEGIN was sent. */
  number: number;
  /** False as soon as the connection has closed. */
  open: boolean;
  /** Called when it closes. A promise would keep whoever ever waited for it, for as long as reads share the connection. */
  listeners: Set<() => void>;
}

/** The time of one transaction. */
export interface Term {
  /** Set as soon as the time is over, and then `expired` rejects with it. */
  expiry?: ExpiredError;
  expired: Promise<never>;
  expire: (expiry: ExpiredError) => void;
  /** COMMIT is on its way, so only its answer tells how the transaction ends. */
  committing: boolean;
}

/** The connections that are in use. */
export interface Holds {
  /** @throws as `Slots.take`. */
  take(expired: Promise<never>): Promise<Hold>;
  /** Gives the connection back to the pool, unless it has closed. */
  give(hold: Hold): void;
  /** A statement was sent on a connection. */
  noteSent(connection: number, statement: string): void;
  /** A connection has closed. */
  noteClosed(connection: number): void;
}

/** From the error of a connection to its close, which follow each other at once. */
const CLOSING_MS = 1_000;
const MARK = "/*t";
const MARK_END = "*/";

/**
 * postgres.js goes on using the connection object of a reserved connection after that connection was lost and given to
 * somebody else, so that a late statement could run outside of its transaction, under the login role. Each transaction
 * therefore learns its connection's number from a mark in its BEGIN and sends nothing once that connection has closed.
 */
export function createHolds(slots: Slots): Holds {
  const byMark = new Map<string, Hold>();
  const byNumber = new Map<number, Hold>();
  let count = 0;
  return {
    take: async (expired) => {
      const connection = await slots.take(expired);
      const mark = `${MARK}${(count = (count + 1) % Number.MAX_SAFE_INTEGER)}${MARK_END}`;
      const hold: Hold = { connection, mark, number: -1, open: true, listeners: new Set() };
      byMark.set(mark, hold);
      return hold;
    },
    give: (hold) => {
      byMark.delete(hold.mark);
      // A connection that closed is already back in the pool's hands; giving it back twice would offer a dead one.
      if (hold.open) {
        byNumber.delete(hold.number);
        hold.connection.release();
      }
      slots.free();
    },
    noteSent: (connection, statement) => {
      slots.trust(connection);
      if (!statement.startsWith(MARK)) return;
      const hold = byMark.get(statement.slice(0, statement.indexOf(MARK_END) + MARK_END.length));
      if (hold) byNumber.set((hold.number = connection), hold);
    },
    noteClosed: (connection) => {
      const hold = byNumber.get(connection);
      byNumber.delete(connection);
      if (!hold) return;
      slots.suspect(connection);
      hold.open = false;
      for (const listener of hold.listeners) listener();
    },
  };
}

export function createTerm(): Term {
  const expired = Promise.withResolvers<never>();
  expired.promise.catch(() => undefined);
  const term: Term = {
    expired: expired.promise,
    expire: (expiry) => {
      term.expiry = expiry;
      expired.reject(expiry);
    },
    committing: false,
  };
  return term;
}

/** What a transaction may use of its connection: nothing once that has closed, and nothing after its own time. */
export function guard(options: { hold: Hold; term: Term; prepare: boolean }): Client {
  const { hold, term, prepare } = options;
  const unsafe: Client["unsafe"] = (query, parameters) => {
    if (!hold.open) throw lost();
    if (term.expiry) throw term.expiry;
    return hold.connection.unsafe(query, parameters, { prepare });
  };
  return { options: hold.connection.options, unsafe } as Client;
}

/** Ends with `work`, or as soon as the connection closes. @throws TimeoutError in that case. */
export async function untilClosed<T>(hold: Hold, work: Promise<T>): Promise<T> {
  if (!hold.open) throw lost();
  const closed = Promise.withResolvers<never>();
  const listener = () => closed.reject(lost());
  hold.listeners.add(listener);
  try {
    return await Promise.race([work, closed.promise]);
  } finally {
    hold.listeners.delete(listener);
  }
}

/** Returns when the connection has closed, or does not seem to. */
export async function closing(hold: Hold): Promise<void> {
  const closed = untilClosed(hold, Promise.withResolvers<never>().promise);
  const bound = { what: "a connection to close", timeoutMs: CLOSING_MS };
  await withTimeout(closed, bound).catch(() => undefined);
}

function lost(): TimeoutError {
  return new TimeoutError("Cannot query: the connection was lost");
}

/** Resolves when BEGIN has been answered, with the error if it was refused. */
export async function beginningOf(begin: PromiseLike<unknown>): Promise<Error | undefined> {
  try {
    await begin;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error("Cannot begin a transaction");
  }
}
