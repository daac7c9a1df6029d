import type { Database, Transaction } from "../../../platform/database.ts";
import { uniqueViolation } from "../../../platform/database_errors.ts";
import { AppError, Overloaded } from "../../../platform/errors.ts";

export interface InsertOptions {
  /**
   * Whether the statement may wait for the sender's own row of the members. In the line it may not, because it would hold
   * the conversation meanwhile, for which whoever has that row may be waiting; it then stores nothing.
   */
  waits: boolean;
}

interface Append<T> {
  conversationId: string;
  userId: string;
  /** One statement that stores what the user sends; no rows where they are no member. */
  insert: (tx: Transaction, options: InsertOptions) => Promise<T[]>;
}

/** Resolves without rows where the statement has to be tried again outside of the line. */
interface Waiting extends Append<unknown> {
  settled: PromiseWithResolvers<unknown[]>;
}

/** Senders in one transaction: enough to make the cost of a commit small beside them. */
const MAX_TOGETHER = 32;
/** Senders that wait in one conversation; more are told to come back. */
const MAX_WAITING = 2_000;

/** Of each conversation in which something is being stored, those who wait behind it. */
type Lines = Map<string, Waiting[]>;

const linesOf = new WeakMap<Database, Lines>();

/**
 * Stores what one user sends to a conversation. Positions come from the conversation's row, which is held until the commit
 * has reached the disk, so in a conversation nothing is stored meanwhile: what waits behind a commit shares the next one.
 * Nobody waits for others to come, and policies judge every statement under its own sender.
 * @throws what the statement throws, and AppError overloaded where too many wait.
 */
export async function appendInTurn<T>(db: Database, append: Append<T>): Promise<T[]> {
  const rows = await takeTurn(db, append);
  return rows.length > 0 ? (rows as T[]) : await storeAlone(db, append);
}

async function takeTurn(db: Database, append: Append<unknown>): Promise<unknown[]> {
  const lines: Lines = linesOf.get(db) ?? new Map();
  linesOf.set(db, lines);
  const line = lines.get(append.conversationId);
  if (line && line.length >= MAX_WAITING)
    throw new AppError(Overloaded, `Cannot send to "${append.conversationId}": too many wait`, {
      headers: { "retry-after": "2" },
    });
  const settled = Promise.withResolvers<unknown[]>();
  const waiting = { ...append, settled };
  if (line) line.push(waiting);
  else void serve(db, lines, waiting);
  return await settled.promise;
}

/** The line ends in the same turn in which nobody waits, so that nobody joins one that is not served. */
async function serve(db: Database, lines: Lines, first: Waiting): Promise<void> {
  const line = [first];
  lines.set(first.conversationId, line);
  while (line.length > 0) await store(db, line.splice(0, MAX_TOGETHER));
  lines.delete(first.conversationId);
}

/** Never throws. */
async function store(db: Database, batch: Waiting[]): Promise<void> {
  const steps = batch.map(({ userId, insert }) => ({
    userId,
    work: (tx: Transaction) => insert(tx, { waits: false }),
  }));
  try {
    const results = await db.runTogether(steps);
    batch.forEach(({ settled }, at) => settled.resolve(results[at] ?? []));
  } catch (error) {
    // A database that is away or too slow fails all of them; any other error is of one, and no fault of the others.
    for (const { settled } of batch)
      if (error instanceof AppError) settled.reject(error);
      else settled.resolve([]);
  }
}

async function storeAlone<T>(db: Database, { userId, insert }: Append<T>): Promise<T[]> {
  const attempt = () =>
    db.run({ role: "app", userId }, (tx) => insert(tx, { waits: true }), { single: true });
  // Two simultaneous sends of one client id: the later one finds the earlier one when it looks again.
  return await attempt().catch((error: unknown) => {
    if (uniqueViolation(error) === "messages_client_id") return attempt();
    throw error;
  });
}
