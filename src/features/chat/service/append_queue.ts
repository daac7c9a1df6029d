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

/** Sends in one transaction: enough to make the cost of a commit small beside them. */
const MAX_TOGETHER = 32;
/** Transactions at once; with more, less would be shared and other work would find no connection. */
const MAX_RUNNING = 4;
/** Sends that wait; more are told to come back. */
const MAX_WAITING = 10_000;

interface Queue {
  waiting: Waiting[];
  /** Conversations in which something is being stored. */
  busy: Set<string>;
  running: number;
}

const queues = new WeakMap<Database, Queue>();

/**
 * Stores what one user sends to a conversation. Positions come from the conversation's row, which is held until the commit
 * has reached the disk, so in a conversation nothing is stored meanwhile: what waits behind a commit shares the next one,
 * and so does what waits for a connection. Nobody waits for others to come, and policies judge every statement under its
 * own sender. @throws what the statement throws, and AppError overloaded where too many wait.
 */
export async function appendInTurn<T>(db: Database, append: Append<T>): Promise<T[]> {
  const rows = await takeTurn(db, append);
  return rows.length > 0 ? (rows as T[]) : await storeAlone(db, append);
}

async function takeTurn(db: Database, append: Append<unknown>): Promise<unknown[]> {
  const queue: Queue = queues.get(db) ?? { waiting: [], busy: new Set(), running: 0 };
  queues.set(db, queue);
  if (queue.waiting.length >= MAX_WAITING)
    throw new AppError(Overloaded, `Cannot send to "${append.conversationId}": too many wait`, {
      headers: { "retry-after": "2" },
    });
  const settled = Promise.withResolvers<unknown[]>();
  queue.waiting.push({ ...append, settled });
  if (queue.running < MAX_RUNNING) void serve(db, queue);
  return await settled.promise;
}

/** It ends in the same turn in which it finds nothing to do, so that nobody waits for one that has ended. */
async function serve(db: Database, queue: Queue): Promise<void> {
  queue.running += 1;
  for (let batch = takeBatch(queue); batch.length > 0; batch = takeBatch(queue)) {
    for (const { conversationId } of batch) queue.busy.add(conversationId);
    await store(db, batch);
    for (const { conversationId } of batch) queue.busy.delete(conversationId);
  }
  queue.running -= 1;
}

/**
 * Those who have waited longest and whose conversation is free. Conversations are locked in the order of their ids, or two
 * instances could wait for each other; within one, whoever came first is first.
 */
function takeBatch({ waiting, busy }: Queue): Waiting[] {
  const batch: Waiting[] = [];
  const rest: Waiting[] = [];
  for (const each of waiting)
    if (batch.length < MAX_TOGETHER && !busy.has(each.conversationId)) batch.push(each);
    else rest.push(each);
  waiting.splice(0, waiting.length, ...rest);
  return batch.toSorted(byConversation);
}

function byConversation(one: Waiting, other: Waiting): number {
  if (one.conversationId === other.conversationId) return 0;
  return one.conversationId < other.conversationId ? -1 : 1;
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
