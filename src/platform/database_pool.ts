import postgres from "postgres";

import { ExpiredError, isConnectionError, isStale } from "./database_errors.ts";
import {
  beginningOf,
  type Client,
  closing,
  createHolds,
  createTerm,
  guard,
  type Hold,
  type Sent,
  type Term,
  untilClosed,
} from "./database_holds.ts";
import { createReads } from "./database_reads.ts";
import { createShares } from "./database_shares.ts";
import { createSlots } from "./database_slots.ts";
import { createSockets, type Sockets, type Target } from "./database_sockets.ts";
import { TimeoutError, withTimeout } from "./time.ts";

export interface PoolOptions {
  url: URL;
  poolSize: number;
  /** A connection without an answer for so long is given up. */
  silenceMs?: number;
}

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
  /** The work is one statement, and COMMIT travels with it instead of waiting for its answer; reads share connections. */
  single?: "read" | "write";
  /** Of how many statements the work consists if not of one, so that COMMIT travels with the last. */
  statements?: number;
}

/** Longer than any statement may take. */
const SILENCE_MS = 15_000;
const COMMIT_GRACE_MS = 1_000;
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

/** Opens the connections; one that is lost is opened again. */
export async function openPool(options: PoolOptions): Promise<Pool> {
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
    debug: (connection, query) => holds.noteSent(connection, query),
    onclose: (connection) => holds.noteClosed(connection),
  });
  const slots = createSlots(sql, options.poolSize);
  const holds = createHolds(slots);
  const prepare = await isDirect(sql);
  const shares = createShares(holds, slots);
  const reads = createReads({ shares, sockets, prepare, silenceMs });
  let closed = false;

  /** Each connection finds out by itself that a migration has changed what it had prepared, and then nothing was done. */
  async function perform<T>(plan: Plan<T>, term: Term): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt(plan, term);
      } catch (error) {
        if (plan.single === undefined || !isStale(error) || tries > options.poolSize) throw error;
      }
    }
  }
  async function attempt<T>(plan: Plan<T>, term: Term): Promise<T> {
    const { begin, work, single, statements = 1 } = plan;
    if (single === "read") return await reads.run({ begin, work }, term);
    const hold = await holds.take(term.expired);
    try {
      const started = hold.connection.unsafe(`${hold.mark}${begin}`).simple();
      const count = single === undefined ? undefined : statements;
      return await finish({ hold, prepare, started, term, work, count, sockets, silenceMs });
    } finally {
      holds.give(hold);
    }
  }
  return {
    sql,
    transact: async (plan) => {
      // A reservation would quietly open a connection again after the end.
      if (closed) throw new TimeoutError("Cannot query: the pool is closed");
      const term = createTerm();
      return await answerInTime(perform(plan, term), term, plan.timeoutMs);
    },
    close: async () => {
      closed = true;
      shares.close();
      await sql.end({ timeout: CLOSE_TIMEOUT_S });
    },
  };
}

/** After its time the attempt goes on without its caller: it sends ROLLBACK and gives its connection back. */
async function answerInTime<T>(attempt: Promise<T>, term: Term, timeoutMs: number): Promise<T> {
  const timer = setTimeout(() => term.expire(new ExpiredError(timeoutMs)), timeoutMs);
  try {
    return await Promise.race([attempt, term.expired]);
  } catch (error) {
    if (error !== term.expiry || !term.committing) throw error;
    const late = { what: "a commit", timeoutMs: COMMIT_GRACE_MS };
    return await withTimeout(attempt, late).catch((outcome: unknown) => {
      throw outcome instanceof TimeoutError ? error : outcome;
    });
  } finally {
    clearTimeout(timer);
  }
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
  hold: Hold;
  prepare: boolean;
  started: PromiseLike<unknown>;
  term: Term;
  work: (client: Client) => Promise<T>;
  /** Undefined where the work may send as many statements as it likes, and COMMIT waits for their answers. */
  count: number | undefined;
  sockets: Sockets;
  silenceMs: number;
}

async function finish<T>(attempt: Attempt<T>): Promise<T> {
  const { hold, prepare, term, work } = attempt;
  // The settings travel in the same flush as the first statement; if they fail, Postgres refuses all that follows.
  const begun = beginningOf(attempt.started);
  const client = guard({ hold, term, prepare });
  const followed =
    attempt.count === undefined ? undefined : followWithCommit(client, term, attempt.count);
  try {
    // Work that is late is not waited for: it may never end, and the guard lets nothing more of it through.
    const result = await Promise.race([work(followed?.client ?? client), expiryOf(term)]);
    const failure = await begun;
    if (failure !== undefined) throw failure;
    const commit = followed?.commit() ?? client.unsafe("commit").simple();
    term.committing = true;
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
function expiryOf(term: Term): Promise<never> {
  return term.expired.catch((error: unknown) => {
    if (term.committing) return Promise.withResolvers<never>().promise;
    throw error;
  });
}

/** Sends COMMIT in the flush of the last statement, so that all of it costs one way there and back. */
function followWithCommit(
  client: Client,
  term: Term,
  count: number,
): { client: Client; commit: () => Sent | undefined } {
  let commit: Sent | undefined;
  let sent = 0;
  const unsafe = (...[query, parameters]: Parameters<Client["unsafe"]>): Sent => {
    if (commit)
      throw new Error(`Cannot query: the transaction was to have ${count} statements and no more`);
    // Unless told otherwise a statement is sent when somebody waits for it, which would be behind COMMIT.
    const statement = client.unsafe(query, parameters).execute();
    sent += 1;
    if (sent < count) return statement;
    const end = client.unsafe("commit").simple().execute();
    // Where the connection is lost the statement says so, and nobody asks for the end.
    end.catch(() => undefined);
    commit = end;
    term.committing = true;
    return statement;
  };
  return { client: { options: client.options, unsafe } as Client, commit: () => commit };
}

/** Returns when the connection is out of the transaction or closed; until then nobody else may have it. */
async function rollBack(attempt: Omit<Attempt<never>, "work">, error: unknown): Promise<void> {
  const { hold, sockets, silenceMs } = attempt;
  // Work may fail because of another server's connection, so only the close tells that it was ours.
  if (isConnectionError(error)) await closing(hold);
  if (!hold.open) return;
  const closeSilent = sockets.watch();
  const ended = untilClosed(hold, Promise.resolve(hold.connection.unsafe("rollback").simple()));
  const silence = setTimeout(closeSilent, silenceMs);
  try {
    await ended;
  } catch {
    await closing(hold);
  } finally {
    clearTimeout(silence);
  }
}
