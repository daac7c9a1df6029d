import { Database } from "bun:sqlite";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { pid } from "node:process";

import { describeFailure, EmbeddedError } from "./error.ts";

export interface DataDirLock {
  release(): void;
}

/**
 * Makes this process the only one that runs servers on the data folder. An exclusive SQLite transaction is
 * a lock of the operating system, so it vanishes with the process, however that ends; a file with a pid in
 * it would have to be judged after each kill -9. The pid beside it is only there to be named.
 */
export function lockDataDir(dataDir: string): DataDirLock {
  const pidFile = join(dataDir, "embedded.pid");
  const database = openLockFile(dataDir);
  try {
    database.run("PRAGMA busy_timeout = 0");
    database.run("BEGIN EXCLUSIVE");
    // SQLite locks nothing in a file that it may only read, so this write is the proof as well.
    writeFileSync(pidFile, `${pid}\n`);
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw cannotLock(dataDir, error);
    const owner = readOwner(pidFile);
    throw new EmbeddedError(
      "services",
      dataDir,
      `process ${owner} already runs them there; stop that one or set another DATA_DIR`,
    );
  }
  return {
    release: () => {
      rmSync(pidFile, { force: true });
      database.close();
    },
  };
}

function openLockFile(dataDir: string): Database {
  try {
    return new Database(join(dataDir, "embedded.lock"), { create: true });
  } catch (error) {
    throw cannotLock(dataDir, error);
  }
}

function cannotLock(dataDir: string, error: unknown): EmbeddedError {
  const state = `${userInfo().username} cannot write into it (${describeFailure(error)})`;
  return new EmbeddedError("services", dataDir, state);
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_BUSY");
}

function readOwner(pidFile: string): string {
  try {
    return readFileSync(pidFile, "utf8").trim();
  } catch {
    // The owner has the lock and is about to write its number.
    return "unknown";
  }
}
