/** What start and test need beside Bun: the locked dependencies, and a Redis where nothing else is set. */
import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { EmbeddedError } from "../src/platform/embedded/error.ts";
import { findRedisBinary } from "../src/platform/embedded/redis_binary.ts";
import { announceWhenSlow } from "../src/platform/embedded/wait.ts";

const ROOT = join(import.meta.dir, "..");
const TOOLCHAIN = join(ROOT, ".data", "toolchain");
const STAMP = join(ROOT, "node_modules", ".installed");
/** An installation over a slow line takes minutes; this is for one that hangs. */
const INSTALL_LIMIT_MS = 15 * 60_000;

class PrepareError extends Error {}

try {
  // The usual start: nothing to do, and nothing to write, so the project may even be read-only.
  if (!(await hasDependencies()) || needsRedis()) {
    using _lock = await lockPreparation();
    if (!(await hasDependencies())) await installDependencies();
    if (needsRedis()) await installRedis();
  }
} catch (error) {
  if (!(error instanceof PrepareError)) throw error;
  report(error.message);
  process.exitCode = 1;
}

/** Two preparations at once would write the same folders; the second waits, then finds everything done. */
async function lockPreparation(): Promise<Disposable> {
  using _slow = announceWhenSlow(report, "waiting for another installation …");
  const database = openLockFile();
  const deadline = performance.now() + INSTALL_LIMIT_MS;
  database.run("PRAGMA busy_timeout = 0");
  while (!tryLock(database)) {
    if (performance.now() > deadline) {
      throw new PrepareError("Cannot install: another installation does not end");
    }
    // Asking again, where SQLite's own wait would block the line that says so.
    await Bun.sleep(50);
  }
  return { [Symbol.dispose]: () => database.close() };
}

function openLockFile(): Database {
  try {
    mkdirSync(TOOLCHAIN, { recursive: true });
    return new Database(join(TOOLCHAIN, "prepare.lock"), { create: true });
  } catch (error) {
    throw new PrepareError(`Cannot install: "${TOOLCHAIN}" cannot be written (${String(error)})`);
  }
}

function tryLock(database: Database): boolean {
  try {
    database.run("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    const isBusy = error instanceof Error && "code" in error && error.code === "SQLITE_BUSY";
    if (isBusy) return false;
    throw new PrepareError(`Cannot install: "${TOOLCHAIN}" cannot be written (${String(error)})`);
  }
}

/** Asked before each `bun install`, so that a second start needs neither time nor a network. */
async function hasDependencies(): Promise<boolean> {
  const stamp = Bun.file(STAMP);
  return (await stamp.exists()) && (await stamp.text()) === (await describeDependencies());
}

async function installDependencies(): Promise<void> {
  using _slow = announceWhenSlow(report, "installing dependencies …");
  await run([process.execPath, "install", "--frozen-lockfile"], "install the dependencies");
  await Bun.write(STAMP, await describeDependencies());
}

async function describeDependencies(): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const name of ["package.json", "bun.lock"]) {
    hash.update(await Bun.file(join(ROOT, name)).bytes());
  }
  // A folder that moves between machines holds the other one's optional packages.
  return `${hash.digest("hex")} ${process.platform}-${process.arch}\n`;
}

/** In production the servers are given; a development default is not installed there. */
function needsRedis(): boolean {
  return !Bun.env.REDIS_URL && Bun.env.NODE_ENV !== "production" && !hasRedis();
}

async function installRedis(): Promise<void> {
  report("installing Redis …");
  await run(["sh", join(ROOT, "scripts", "redis_install"), TOOLCHAIN], "install Redis");
  if (!hasRedis()) {
    throw new PrepareError(
      "Cannot install Redis: this system's package is too old; install Redis 7 or Valkey, or set REDIS_URL",
    );
  }
}

function hasRedis(): boolean {
  try {
    findRedisBinary(join(ROOT, ".data"));
    return true;
  } catch (error) {
    if (error instanceof EmbeddedError) return false;
    throw error;
  }
}

/** Says nothing unless it fails, and then only how it ended. */
async function run(argv: string[], action: string): Promise<void> {
  const ran = Bun.spawn(argv, {
    cwd: ROOT,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: INSTALL_LIMIT_MS,
  });
  const said = await ran.stderr.text();
  if ((await ran.exited) === 0) return;
  const lastLines = said.trim().split("\n").slice(-5);
  throw new PrepareError(
    [`Cannot ${action}:`, ...lastLines].join(lastLines.length > 1 ? "\n" : " "),
  );
}

function report(line: string): void {
  console.error(line);
}
