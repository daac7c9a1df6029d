import { type Database, findLocks, type Locks, openDatabase, write } from "./indexed_db.ts";
import {
  createMemoryOutbox,
  MAX_STORED,
  type OutboxShare,
  type OutboxStore,
  type StoredCommand,
} from "./outbox_store.ts";

export interface BrowserOutboxOptions {
  /** Whose entries these are: the id of the user, so that nobody sends what somebody else has left behind. */
  userId: string;
  /** How long something may wait where its caller does not say. */
  lifeMs?: number;
}

/** What is stored, and the socket that is sending it. */
interface Row extends StoredCommand {
  owner: string;
  /** Of two that were written in the same millisecond, the one with the smaller number came first. */
  place: number;
}

const STORE = "commands";
const LIFE_MS = 86_400_000;

/**
 * Keeps entries in IndexedDB, so that they survive a reload and the end of the browser. Each socket holds a lock of its
 * own as long as its page lives; what belongs to a lock that nobody holds was left behind, and goes to one that asks.
 * Without locks whatever is found is sent, by two tabs if need be, and the server takes it once. Without IndexedDB, as
 * in some private windows, entries live as long as the page.
 */
export function createBrowserOutbox({ userId, lifeMs }: BrowserOutboxOptions): OutboxStore {
  const name = `frm-outbox-${userId}`;
  const memory = createMemoryOutbox();
  let opened: Promise<Database | undefined> | undefined;
  const database = () => (opened ??= openDatabase(name, STORE).catch(() => undefined));
  return {
    lifeMs: lifeMs ?? LIFE_MS,
    open: () => new BrowserShare({ name, database, memory: memory.open(), locks: findLocks() }),
  };
}

interface ShareOptions {
  name: string;
  database: () => Promise<Database | undefined>;
  /** Takes over where there is no database. */
  memory: OutboxShare;
  locks: Locks | undefined;
}

class BrowserShare implements OutboxShare {
  readonly #options: ShareOptions;
  readonly #owner = crypto.randomUUID();
  readonly #released = Promise.withResolvers<void>();
  /**
   * What is under way, one after the other, so that a removal never comes before its entry, and nothing before the lock
   * that says that we live: it would look left behind.
   */
  #tail: Promise<unknown>;
  #count = 0;
  #closed = false;

  constructor(options: ShareOptions) {
    this.#options = options;
    const held = Promise.withResolvers<void>();
    this.#tail = held.promise;
    const hold = async () => {
      held.resolve();
      await this.#released.promise;
    };
    const { locks } = options;
    if (!locks) held.resolve();
    else
      locks
        .request(this.#lockOf(this.#owner), { mode: "exclusive" }, hold)
        .catch(() => held.resolve());
  }

  async adopt(limit: number): Promise<StoredCommand[]> {
    const { name, database, locks, memory } = this.#options;
    await this.#tail;
    const open = await database();
    // Whoever was closed meanwhile would take what they have just left.
    if (this.#closed) return [];
    if (!open) return await memory.adopt(limit);
    const take = async () => await this.#take(open, { limit, living: await this.#living() });
    // One tab at a time, or two that look at once would both take what was left behind.
    const taken = locks ? locks.request(`${name}:adopt`, { mode: "exclusive" }, take) : take();
    return await taken.catch(() => []);
  }

  put(entry: StoredCommand): void {
    const row: Row = { ...entry, owner: this.#owner, place: (this.#count += 1) };
    this.#options.memory.put(entry);
    this.#change((database) => write(database, STORE, (store) => void store.put(row)));
  }

  remove(id: string): void {
    this.#options.memory.remove(id);
    this.#change((database) => write(database, STORE, (store) => void store.delete(id)));
  }

  close(): void {
    this.#closed = true;
    void this.#tail.then(() => this.#released.resolve());
    void this.#options.database().then((open) => {
      if (!open) this.#options.memory.close();
    });
  }

  #lockOf(owner: string): string {
    return `${this.#options.name}:${owner}`;
  }

  /** Only a full disk or a deleted database gets here, and then what waits in memory has to be enough. */
  #change(work: (database: Database) => Promise<void>): void {
    this.#tail = this.#tail
      .then(this.#options.database)
      .then((open) => open && work(open))
      .catch(() => undefined);
  }

  /** The names of all locks that somebody holds; undefined where nobody can tell. */
  async #living(): Promise<Set<string | undefined> | undefined> {
    const { held = [] } = (await this.#options.locks?.query()) ?? {};
    return this.#options.locks ? new Set(held.map(({ name }) => name)) : undefined;
  }

  async #take(
    database: Database,
    { limit, living }: { limit: number; living: Set<string | undefined> | undefined },
  ): Promise<StoredCommand[]> {
    const now = Date.now();
    const taken: Row[] = [];
    await write(database, STORE, (store) => {
      const all = store.getAll(undefined, MAX_STORED);
      all.onsuccess = () => {
        const rows = (all.result as Row[]).toSorted(inOrder);
        for (const row of rows) {
          if (row.expiresAt <= now) store.delete(row.id);
          else if (this.#isLeft(row, living) && taken.length < limit) {
            taken.push(row);
            store.put({ ...row, owner: this.#owner });
          }
        }
      };
    });
    return taken.map(({ id, command, writtenAt, expiresAt }) => ({
      id,
      command,
      writtenAt,
      expiresAt,
    }));
  }

  #isLeft({ owner }: Row, living: Set<string | undefined> | undefined): boolean {
    return owner !== this.#owner && living?.has(this.#lockOf(owner)) !== true;
  }
}

function inOrder(one: Row, other: Row): number {
  return one.writtenAt - other.writtenAt || one.place - other.place;
}
