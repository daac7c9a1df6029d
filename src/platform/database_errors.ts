import { DrizzleQueryError } from "drizzle-orm/errors";
import postgres from "postgres";

import { AppError, DependencyUnavailable, Overloaded } from "./errors.ts";
import { TimeoutError } from "./time.ts";

const UNIQUE_VIOLATION = "23505";
const FOREIGN_KEY_VIOLATION = "23503";
const PROTOCOL_VIOLATION = "08P01";
/** Postgres is starting, stopping, out of connections, or ended ours: it is away, not wrong. */
const AWAY = new Set(["57P01", "57P02", "57P03", "53300", "08000", "08003", "08006", "25006"]);
/** A statement, a lock or an idle transaction took too long, or two transactions were in each other's way. */
const SLOW = new Set(["57014", "55P03", "25P03", "40001", "40P01", "53200"]);
/** The places in Postgres that find out that a prepared statement is out of date, or gone. */
const STALE = new Set(["RevalidateCachedQuery", "FetchPreparedStatement", "transformAssignedExpr"]);
const CONNECTION_CODE =
  /^(CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ENOENT|ETIMEDOUT|EHOST|ENOTFOUND|ERR_SOCKET)/;

/** A transaction whose time was over before its end was known. Its connection lives. */
export class ExpiredError extends Error {
  override readonly name = "ExpiredError";

  constructor(timeoutMs: number) {
    super(`Cannot finish a transaction: ${timeoutMs} ms are over`);
  }
}

function rootOf(error: unknown): unknown {
  return error instanceof DrizzleQueryError ? error.cause : error;
}

function codeOf(error: unknown): string | undefined {
  const code = (rootOf(error) as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** True when the connection failed, so that nothing more can be sent on it. */
export function isConnectionError(error: unknown): boolean {
  const root = rootOf(error);
  if (root instanceof TimeoutError) return true;
  const code = codeOf(error);
  if (code === undefined) return false;
  if (!(root instanceof postgres.PostgresError)) return CONNECTION_CODE.test(code);
  // A pooler has this one code for everything; without FATAL it is Postgres that refuses what we sent.
  if (code === PROTOCOL_VIOLATION) return (root.severity ?? root.severity_local) === "FATAL";
  return code === "57P01" || code === "57P02";
}

/**
 * True when a statement that was prepared before does not fit its tables any more, because a migration has changed them.
 * It was forgotten, so that the next one is prepared anew.
 */
export function isStale(error: unknown): boolean {
  const root = rootOf(error);
  return root instanceof postgres.PostgresError && STALE.has(root.routine ?? "");
}

/** The name of the violated unique constraint, or undefined when the error is something else. */
export function uniqueViolation(error: unknown): string | undefined {
  return violation(error, UNIQUE_VIOLATION);
}

/** The name of the violated foreign key, or undefined when the error is something else. */
export function foreignKeyViolation(error: unknown): string | undefined {
  return violation(error, FOREIGN_KEY_VIOLATION);
}

function violation(error: unknown, code: string): string | undefined {
  const root = rootOf(error);
  return root instanceof postgres.PostgresError && root.code === code
    ? (root.constraint_name ?? "")
    : undefined;
}

/** Turns what is Postgres being away or slow into an answer that tells the caller to come back. */
export function toDatabaseError(error: unknown): unknown {
  const code = codeOf(error);
  if (isConnectionError(error) || (code !== undefined && AWAY.has(code)))
    return new AppError(DependencyUnavailable, "Cannot reach the database", {
      headers: { "retry-after": "2" },
      cause: error,
    });
  const isLate = rootOf(error) instanceof ExpiredError || (code !== undefined && SLOW.has(code));
  if (isLate || isStale(error))
    return new AppError(Overloaded, "Cannot finish a transaction in time", {
      headers: { "retry-after": "2" },
      cause: error,
    });
  return error;
}
