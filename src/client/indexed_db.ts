/** The few parts of IndexedDB and Web Locks that are used here; this package is compiled without a browser's types. */

export interface Database {
  createObjectStore: (name: string, options: { keyPath: string }) => unknown;
  transaction: (name: string, mode: "readwrite", options?: { durability: "strict" }) => Transaction;
  close: () => void;
  onversionchange: (() => void) | null;
}

interface Transaction {
  objectStore: (name: string) => ObjectStore;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
  error: unknown;
}

export interface ObjectStore {
  put: (value: unknown) => unknown;
  delete: (key: string) => unknown;
  getAll: (query?: undefined, count?: number) => Request<unknown[]>;
}

interface Request<Result> {
  result: Result;
  error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}

interface OpenRequest extends Request<Database> {
  onupgradeneeded: (() => void) | null;
  onblocked: (() => void) | null;
}

interface Factory {
  open: (name: string, version: number) => OpenRequest;
}

export interface Locks {
  request: <Result>(
    name: string,
    options: { mode: "exclusive"; signal?: AbortSignal },
    work: () => Promise<Result>,
  ) => Promise<Result>;
  query: () => Promise<{ held?: { name?: string }[] }>;
}

/** The locks that all tabs of an origin share; undefined where there are none. */
export function findLocks(): Locks | undefined {
  return (globalThis as { navigator?: { locks?: Locks } }).navigator?.locks;
}

/** Opens a database with one store whose records have an `id`. @throws where there is none, as in some private windows. */
export async function openDatabase(name: string, store: string): Promise<Database> {
  const { indexedDB } = globalThis as { indexedDB?: Factory };
  if (!indexedDB) throw new Error(`Cannot open "${name}": there is no IndexedDB`);
  const { promise, resolve, reject } = Promise.withResolvers<Database>();
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => void request.result.createObjectStore(store, { keyPath: "id" });
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(asError(request.error, name));
  request.onblocked = () => reject(new Error(`Cannot open "${name}": another tab is in its way`));
  const database = await promise;
  // Somebody deletes the site's data, or a later version of us wants another shape.
  database.onversionchange = () => database.close();
  return database;
}

/** Runs one transaction; resolves when it is stored. */
export async function write(
  database: Database,
  store: string,
  work: (store: ObjectStore) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const transaction = database.transaction(store, "readwrite");
  transaction.oncomplete = () => resolve();
  transaction.onabort = () => reject(asError(transaction.error, store));
  work(transaction.objectStore(store));
  await promise;
}

function asError(error: unknown, name: string): Error {
  return error instanceof Error ? error : new Error(`Cannot use "${name}": ${String(error)}`);
}
