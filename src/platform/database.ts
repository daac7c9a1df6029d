import { PgDatabase, PgDialect } from "drizzle-orm/pg-core";
import { drizzle, type PostgresJsQueryResultHKT, PostgresJsSession } from "drizzle-orm/postgres-js";

import { toDatabaseError } from "./database_errors.ts";
import type { Client, Sent } from "./database_holds.ts";
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
  /**
   * Runs one statement of each of several users in one transaction that costs one way there and back, each under its own
   * user's claims, so that policies judge every statement as if it had come alone. A statement that fails takes all of
   * them with it. @throws as `run`.
   */
  runTogether<T>(steps: Step<T>[]): Promise<T[]>;
  close(): Promise<void>;
}

/** What one user does in a transaction that several share: a single statement. */
export interface Step<T> {
  userId: string;
  work: (tx: Transaction) => Promise<T>;
}

export interface DatabaseOptions extends PoolOptions {
  rolePrefix: string;
}

const TRANSACTION_TIMEOUT_MS = 8_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const IDLE_TIMEOUT_MS = 10_000;
const SET_CLAIMS = "select set_config('request.jwt.claims', $1, true)";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Opens the pool and asks whether our roles are bound. @throws StartError when they could get around policies. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const pool = await openPool(options);
  await assertRolesAreBound(pool.sql, roleNames(options.rolePrefix));
  const dialect = new PgDialect({ casing: "snake_case" });
  // Called for its side effect: it teaches this client to hand times and JSON over the way Drizzle expects them.
  drizzle(pool.sql);

  function transactionOn(client: Client): Transaction {
    const session = new PostgresJsSession(client, dialect, undefined);
    return new PgDatabase(dialect, session, undefined) as Transaction;
  }
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
        work: (client) => work(transactionOn(client)),
      });
    } catch (error) {
      throw toDatabaseError(error);
    }
  }
  async function runTogether<T>(steps: Step<T>[]): Promise<T[]> {
    const [first] = steps;
    if (!first) return [];
    if (steps.length === 1) return [await run(asUser(first), first.work, { single: true })];
    const settings = transactionSettings(asUser(first), options.rolePrefix);
    try {
      return await pool.transact({
        begin: `begin;${settings}`,
        single: "write",
        statements: steps.length * 2,
        timeoutMs: TRANSACTION_TIMEOUT_MS,
        work: (client) =>
          Promise.all(steps.map((step) => step.work(transactionOn(underClaims(client, step))))),
      });
    } catch (error) {
      throw toDatabaseError(error);
    }
  }
  return { run, runTogether, close: () => pool.close() };
}

/** Claims travel right before the statement that they are for, in whichever order the statements are sent. */
function underClaims(client: Client, step: { userId: string }): Client {
  const claims = claimsOf(asUser(step));
  let used = false;
  const unsafe = (...[query, parameters]: Parameters<Client["unsafe"]>): Sent => {
    // The place of another user's statement would be taken, and that one would be missing when COMMIT is sent.
    if (used) throw new Error("Cannot query: every step was to have a single statement");
    used = true;
    // Where this fails, so does the statement behind it.
    client.unsafe(SET_CLAIMS, [claims]).catch(() => undefined);
    return client.unsafe(query, parameters);
  };
  return { options: client.options, unsafe } as Client;
}

function asUser({ userId }: { userId: string }): Actor {
  return { role: "app", userId };
}

/** With BEGIN before them role, claims and time-outs are one message, so that all of them hold or none of the transaction runs. */
function transactionSettings(actor: Actor, rolePrefix: string): string {
  return [
    `set local role "${rolePrefix}_${actor.role}"`,
    `set local request.jwt.claims = '${claimsOf(actor)}'`,
    `set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`,
    `set local idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS}`,
  ].join(";");
}

function claimsOf(actor: Actor): string {
  if (actor.role === "app" && !UUID.test(actor.userId))
    throw new Error("Cannot begin a transaction: the user id is not a UUID");
  return JSON.stringify(
    actor.role === "app" ? { sub: actor.userId, role: "app" } : { role: actor.role },
  );
}
