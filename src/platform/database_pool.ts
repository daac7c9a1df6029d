import postgres from "postgres";

import { ExpiredError, isConnectionError } from "./database_errors.ts";
import { createSlots } from "./database_slots.ts";
import { createSockets, type Sockets, type Target } from "./database_sockets.ts";
import { TimeoutError, withTimeout } from "./time.ts";

export interface PoolOptions {
  url: URL;
  poolSize: number;
  /** A connection without an answer for so long is given up. */
  silenceMs?: number;
}

/** The part of postgres.js that Drizzle's session uses. */
type Client = postgres.Sql;

export interface Pool {
  sql: postgres.Sql;
  /**
   * Sends `begin` with the first statement of `work`, then commits, or rolls back what failed or took too long.
   * @throws ExpiredError after `timeoutMs`, waiting for a connection included; only a COMMIT that is on its way by then
   * is waited for a little longer, because nothing else can tell how it ends.
   */
  transact<T>(plan: Plan<T>): Promise<T>;
  close(): Promise<void>;
}

interface Plan<T> {
  begin: string;
  work: (client: Client) => Promise<T>;
  timeoutMs: number;
  /** The work is one statement, and COMMIT travels with it instead of waiting for its answer. */
  single?: "read" | "write";
}

/** Longer than any statement may take. */
const SILENCE_MS = 15_000;
const COMMIT_GRACE_MS = 1_000;
/** From the error of a connection to its close, which follow each other at once. */
const CLOSING_MS = 1_000;
const CONNECT_TIMEOUT_S = 5;
const CLOSE_TIMEOUT_S = 3;
const MAX_BACKOFF_S = 1;

/** postgres.js takes a Unix socket as an option, while the rest of the world writes it as `?host=/folder`. */
export function connectionOptions(url: URL): { url: string; host?: string } {
  const plain = new URL(url);
  const folder = plain.searchParams.get("host");
  plain.searchParams.delete("host");
  return folder?.startsWith("/")
    ? { url: plain.href, host: `${folder}/.s.PGSQL.${plain.port === "" ? "5432" : plain.port}` }
    : { url: plain.href };
}

/**
 * postgres.js goes on using the connection object of a reserved connection after that connection was lost and given to
 * somebody else, so that a late statement could run outside of its transaction, under the login role. Each transaction
 * therefore learns its connection's number from a mark in its BEGIN and sends nothing once that connection has closed.
 */
export async function openPool(options: PoolOptions): Promise<Pool> {
  const connections = new Map<number, Life>();
  const transactions = new Map<string, Life>();
  const { url, host } = connectionOptions(options.url);
  const sockets = createSockets();
  const silenceMs = options.silenceMs ?? SILENCE_MS;
  const sql = postgres(url, {
    // A setting that its types do not know.
    ...({ socket: (target: Target) => sockets.open(target) } as object),
    ...(host === undefined ? {} : { path: host }),
    max: options.poolSize,
    connect_timeout: CONNECT_TIMEOUT_S,
    backoff: (attempt) => Math.min(MAX_BACKOFF_S, 0.05 * 2 ** attempt),
    connection: { application_name: "frm-ai" },
    onnotice: () => undefined,
    debug: (connection, query) => {
      slots.trust(connection);
      const life = transactions.get(markOf(query));
      if (life) connections.set((life.connection = connection), life);
    },
    onclose: (connection) => {
      const life = connections.get(connection);
      if (life) slots.suspect(connection);
      life?.close();
      connections.delete(connection);
    },
  });
  const slots = createSlots(sql, options.poolSize);
  const prepare = await isDirect(sql);
  let count = 0;
  let closed = false;

  async function perform<T>({ begin, work, single }: Plan<T>, life: Life): Promise<T> {
    const connection = await slots.take(life.expired);
    const mark = String((count = (count + 1) % Number.MAX_SAFE_INTEGER));
    transactions.set(mark, life);
    const started = connection.unsafe(`${MARK}${mark}*/${begin}`).simple();
    try {
      const attempt = { connection, prepare, started, life, work, single, sockets, silenceMs };
      return await finish(attempt);
    } finally {
      transactions.delete(mark);
      // A connection that closed is already back in the pool's hands; giving it back twice would offer a dead one.
      if (life.open) {
        connections.delete(life.connection);
        connection.release();
      }
      slots.free();
    }
  }
  return {
    sql,
    transact: async (plan) => {
      // A reservation would quietly open a connection again after the end.
      if (closed) throw new TimeoutError("Cannot query: the pool is closed");
      const life = createLife();
      return await answerInTime(perform(plan, life), life, plan.timeoutMs);
    },
    close: async () => {
      closed = true;
      await sql.end({ timeout: CLOSE_TIMEOUT_S });
    },
  };
}

/** What a transaction must know of its connection and of its own time before it sends anything. */
interface Life {
  connection: number;
  /** False as soon as the connection has closed, and then `closed` resolves. */
  open: boolean;
  closed: Promise<void>;
  close: () => void;
  /** Set as soon as the time is over, and then `expired` rejects with it. */
  expiry?: ExpiredError;
  expired: Promise<never>;
  expire: (expiry: ExpiredError) => void;
  /** COMMIT is on its way, so only its answer tells how the transaction ends. */
  committing: boolean;
}

function createLife(): Life {
  const closed = Promise.withResolvers<void>();
  const expired = Promise.withResolvers<never>();
  expired.promise.catch(() => undefined);
  const life: Life = {
    connection: -1,
    open: true,
    closed: closed.promise,
    close: () => {
      life.open = false;
      closed.resolve();
    },
    expired: expired.promise,
    expire: (expiry) => {
      life.expiry = expiry;
      expired.reject(expiry);
    },
    committing: false,
  };
  return life;
}

/** After its time the attempt goes on without its caller: it sends ROLLBACK and gives its connection back. */
async function answerInTime<T>(attempt: Promise<T>, life: Life, timeoutMs: number): Promise<T> {
  const timer = setTimeout(() => life.expire(new ExpiredError(timeoutMs)), timeoutMs);
  try {
    return await Promise.race([attempt, life.expired]);
  } catch (error) {
    if (error !== life.expiry || !life.committing) throw error;
    const late = { what: "a commit", timeoutMs: COMMIT_GRACE_MS };
    return await withTimeout(attempt, late).catch((outcome: unknown) => {
      throw outcome instanceof TimeoutError ? error : outcome;
    });
  } finally {
    clearTimeout(timer);
  }
}

const MARK = "/*t";

function markOf(query: string): string {
  return query.startsWith(MARK) ? query.slice(MARK.length, query.indexOf("*/")) : "";
}

/**
 * A pooler in transaction mode tells each client a made-up process id and gives every transaction another backend, on
 * which a named prepared statement may not exist.
 */
async function isDirect(sql: postgres.Sql): Promise<boolean> {
  const rows = await sql.unsafe("select pg_backend_pid() as pid");
  const told = (rows as unknown as { state: { pid: number } }).state.pid;
  return (rows[0] as { pid?: number } | undefined)?.pid === told;
}

interface Attempt<T> {
  connection: postgres.ReservedSql;
  prepare: boolean;
  started: PromiseLike<unknown>;
  life: Life;
  work: (client: Client) => Promise<T>;
  single: Plan<T>["single"];
  sockets: Sockets;
  silenceMs: number;
}

async function finish<T>(attempt: Attempt<T>): Promise<T> {
  const { connection, prepare, started, life, work } = attempt;
  // The settings travel in the same flush as the first statement; if they fail, Postgres refuses all that follows.
  const begun: Promise<Error | undefined> = Promise.resolve(started).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error("Cannot begin a transaction")),
  );
  const client = guard({ connection, life, prepare });
  const followed = attempt.single
    ? followWithCommit(client, { life, writes: attempt.single === "write" })
    : undefined;
  try {
    // Work that is late is not waited for: it may never end, and the guard lets nothing more of it through.
    const result = await Promise.race([work(followed?.client ?? client), expiryOf(life)]);
    const failure = await begun;
    if (failure !== undefined) throw failure;
    const commit = followed?.commit() ?? client.unsafe("commit").simple();
    life.committing = true;
    const ended = await commit;
    if (ended.command !== "COMMIT")
      throw new Error("Cannot commit: a statement of the transaction had failed");
    return result;
  } catch (error) {
    await rollBack(attempt, error);
    throw (await begun) ?? error;
  }
}

/** Rejects when the time is over, unless COMMIT is on its way by then: its answer has to be waited for. */
function expiryOf(life: Life): Promise<never> {
  return life.expired.catch((error: unknown) => {
    if (life.committing) return Promise.withResolvers<never>().promise;
    throw error;
  });
}

type Sent = ReturnType<Client["unsafe"]>;

/** Sends COMMIT in the flush of the first statement, so that the two cost one way there and back. */
function followWithCommit(
  client: Client,
  { life, writes }: { life: Life; writes: boolean },
): { client: Client; commit: () => Sent | undefined } {
  let commit: Sent | undefined;
  const unsafe = (...[query, parameters]: Parameters<Client["unsafe"]>): Sent => {
    if (commit) throw new Error("Cannot query: the transaction was to have a single statement");
    // Unless told otherwise a statement is sent when somebody waits for it, which would be behind COMMIT.
    const statement = client.unsafe(query, parameters).execute();
    const end = client.unsafe("commit").simple().execute();
    // Where the connection is lost the statement says so, and nobody asks for the end.
    end.catch(() => undefined);
    commit = end;
    // What only reads has nothing whose fate would have to be known.
    life.committing = writes;
    return statement;
  };
  return { client: { options: client.options, unsafe } as Client, commit: () => commit };
}

/** Returns when the connection is out of the transaction or closed; until then nobody else may have it. */
async function rollBack(attempt: Omit<Attempt<never>, "work">, error: unknown): Promise<void> {
  const { connection, life, sockets, silenceMs } = attempt;
  // Work may fail because of another server's connection, so only the close tells that it was ours.
  if (isConnectionError(error)) await closing(life);
  if (!life.open) return;
  const closeSilent = sockets.watch();
  const ended = Promise.race([connection.unsafe("rollback").simple(), life.closed]);
  const silence = setTimeout(closeSilent, silenceMs);
  try {
    await ended;
  } catch {
    await closing(life);
  } finally {
    clearTimeout(silence);
  }
}

async function closing(life: Life): Promise<void> {
  const bound = { what: "a connection to close", timeoutMs: CLOSING_MS };
  await withTimeout(life.closed, bound).catch(() => undefined);
}

function guard(options: {
  connection: postgres.ReservedSql;
  life: Life;
  prepare: boolean;
}): Client {
  const { connection, life, prepare } = options;
  const unsafe: Client["unsafe"] = (query, parameters) => {
    if (!life.open) throw new TimeoutError("Cannot query: the connection was lost");
    if (life.expiry) throw life.expiry;
    return connection.unsafe(query, parameters, { prepare });
  };
  return { options: connection.options, unsafe } as Client;
}
