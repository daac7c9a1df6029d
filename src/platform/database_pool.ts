import postgres from "postgres";

import { isConnectionError } from "./database_errors.ts";
import { createSlots } from "./database_slots.ts";
import { TimeoutError } from "./time.ts";

export interface PoolOptions {
  url: URL;
  poolSize: number;
}

/** The part of postgres.js that Drizzle's session uses. */
type Client = postgres.Sql;

export interface Pool {
  sql: postgres.Sql;
  /** Sends `begin` with the first statement of `work`, then commits, or rolls back what failed. */
  transact<T>(begin: string, work: (client: Client) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

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
  const sql = postgres(url, {
    ...(host === undefined ? {} : { path: host }),
    max: options.poolSize,
    connect_timeout: CONNECT_TIMEOUT_S,
    backoff: (attempt) => Math.min(MAX_BACKOFF_S, 0.05 * 2 ** attempt),
    connection: { application_name: "frm-ai" },
    onnotice: () => undefined,
    debug: (connection, query) => {
      const life = transactions.get(markOf(query));
      if (life) connections.set((life.connection = connection), life);
    },
    onclose: (connection) => {
      const life = connections.get(connection);
      if (life) life.open = false;
      connections.delete(connection);
    },
  });
  const prepare = await isDirect(sql);
  const slots = createSlots(sql, options.poolSize);
  let count = 0;
  let closed = false;

  async function transact<T>(begin: string, work: (client: Client) => Promise<T>): Promise<T> {
    // A reservation would quietly open a connection again after the end.
    if (closed) throw new TimeoutError("Cannot query: the pool is closed");
    const connection = await slots.take();
    const life: Life = { open: true, connection: -1 };
    const mark = String((count = (count + 1) % Number.MAX_SAFE_INTEGER));
    transactions.set(mark, life);
    const started = connection.unsafe(`${MARK}${mark}*/${begin}`).simple();
    try {
      return await finish({ client: guard({ connection, life, prepare }), started, life, work });
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
    transact,
    close: async () => {
      closed = true;
      await sql.end({ timeout: CLOSE_TIMEOUT_S });
    },
  };
}

/** Whether the connection that a transaction runs on still lives. */
interface Life {
  open: boolean;
  connection: number;
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
  client: Client;
  started: PromiseLike<unknown>;
  life: Life;
  work: (client: Client) => Promise<T>;
}

async function finish<T>({ client, started, life, work }: Attempt<T>): Promise<T> {
  // The settings travel in the same flush as the first statement; if they fail, Postgres refuses all that follows.
  const begun: Promise<Error | undefined> = Promise.resolve(started).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error("Cannot begin a transaction")),
  );
  try {
    const result = await work(client);
    const failure = await begun;
    if (failure !== undefined) throw failure;
    const ended = await client.unsafe("commit").simple();
    if (ended.command !== "COMMIT")
      throw new Error("Cannot commit: a statement of the transaction had failed");
    return result;
  } catch (error) {
    const failure = await begun;
    if (life.open && !isConnectionError(failure ?? error)) await client.unsafe("rollback").simple();
    throw failure ?? error;
  }
}

function guard(options: {
  connection: postgres.ReservedSql;
  life: Life;
  prepare: boolean;
}): Client {
  const { connection, life, prepare } = options;
  const unsafe: Client["unsafe"] = (query, parameters) => {
    if (!life.open) throw new TimeoutError("Cannot query: the connection was lost");
    return connection.unsafe(query, parameters, { prepare });
  };
  return { options: connection.options, unsafe } as Client;
}
