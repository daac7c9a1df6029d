import { PgDatabase, PgDialect } from "drizzle-orm/pg-core";
import { drizzle, type PostgresJsQueryResultHKT, PostgresJsSession } from "drizzle-orm/postgres-js";

import { toDatabaseError } from "./database_errors.ts";
import { openPool, type PoolOptions } from "./database_pool.ts";
import { assertRolesAreBound, roleNames } from "./roles.ts";

/**
 * On whose behalf a transaction runs. Each maps to a Postgres role that owns nothing and is bound by row-level security:
 * app is a signed-in user, auth the look-ups before anybody is signed in, system the background work,
 * public reads that are the same for every viewer.
 */
export type Actor =
  { role: "app"; userId: string } | { role: "auth" } | { role: "system" } | { role: "public" };

/** What a service sees of the database: Drizzle inside one transaction of one actor. */
export type Transaction = PgDatabase<PostgresJsQueryResultHKT, Record<string, never>>;

export interface RunOptions {
  /** Longest time for the whole transaction, waiting for a connection included. */
  timeoutMs?: number;
  /** The work is one statement, so that COMMIT travels with it and costs no way there and back of its own. */
  single?: boolean;
  /** The same, and the statement only reads. */
  read?: boolean;
}

export interface Database {
  /**
   * Runs `work` in one transaction under the actor's role and claims; nothing can run outside of such a transaction.
   * When its time is over nothing more of it is sent and nothing of it stays, unless COMMIT was already on its way.
   * @throws AppError dependency_unavailable when Postgres is away, overloaded when it is too slow.
   */
  run<T>(actor: Actor, work: (tx: Transaction) => Promise<T>, options?: RunOptions): Promise<T>;
  close(): Promise<void>;
}

export interface DatabaseOptions extends PoolOptions {
  rolePrefix: string;
}

const TRANSACTION_TIMEOUT_MS = 8_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const IDLE_TIMEOUT_MS = 10_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Opens the pool and asks whether our roles are bound. @throws StartError when they could get around policies. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const pool = await openPool(options);
  await assertRolesAreBound(pool.sql, roleNames(options.rolePrefix));
  const dialect = new PgDialect({ casing: "snake_case" });
  // Called for its side effect: it teaches this client to hand times and JSON over the way Drizzle expects them.
  drizzle(pool.sql);

  async function run<T>(
    actor: Actor,
    work: (tx: Transaction) => Promise<T>,
    runOptions: RunOptions = {},
  ): Promise<T> {
    const timeoutMs = runOptions.timeoutMs ?? TRANSACTION_TIMEOUT_MS;
    const reads = runOptions.read === true;
    const settings = transactionSettings(actor, options.rolePrefix);
    try {
      return await pool.transact({
        begin: `begin${reads ? " read only" : ""};${settings}`,
        ...(reads ? { single: "read" as const } : {}),
        ...(runOptions.single === true ? { single: "write" as const } : {}),
        timeoutMs,
        work: (client) => {
          const session = new PostgresJsSession(client, dialect, undefined);
          return work(new PgDatabase(dialect, session, undefined) as Transaction);
        },
      });
    } catch (error) {
      throw toDatabaseError(error);
    }
  }
  return { run, close: () => pool.close() };
}

/** With BEGIN before them role, claims and time-outs are one message, so that all of them hold or none of the transaction runs. */
function transactionSettings(actor: Actor, rolePrefix: string): string {
  const claims = actor.role === "app" ? { sub: actor.userId, role: "app" } : { role: actor.role };
  if (actor.role === "app" && !UUID.test(actor.userId))
    throw new Error("Cannot begin a transaction: the user id is not a UUID");
  return [
    `set local role "${rolePrefix}_${actor.role}"`,
    `set local request.jwt.claims = '${JSON.stringify(claims)}'`,
    `set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`,
    `set local idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS}`,
  ].join(";");
}
