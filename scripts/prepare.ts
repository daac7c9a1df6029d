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
  using _lock = await lockPreparation();
  await installDependencies();
  await installRedis();
} catch (error) {
  if (!(error instanceof PrepareError)) throw error;
  report(error.message);
  process.exitCode = 1;
}

/** Two preparations at once would write the same folders; the second waits, then finds everything done. */
async function lockPreparation(): Promise<Disposable> {
  using _slow = announceWhenSlow(report, "waiting for another installation …");
  mkdirSync(TOOLCHAIN, { recursive: true });
  const database = new Database(join(TOOLCHAIN, "prepare.lock"), { create: true });
  const deadline = performance.now() + INSTALL_LIMIT_MS;
  database.run("PRAGMA busy_timeout = 0");
  while (true) {
    try {
      database.run("BEGIN EXCLUSIVE");
      return { [Symbol.dispose]: () => database.close() };
    } catch {
      if (performance.now() > deadline) {
        throw new PrepareError("Cannot install: another installation does not end");
      }
    }
    // Asking again, where SQLite's own wait would block the line that says so.
    await Bun.sleep(50);
  }
}

/** Runs `bun install` only after a change, so that a second start needs neither time nor a network. */
async function installDependencies(): Promise<void> {
  const state = await describeDependencies();
  const stamp = Bun.file(STAMP);
  if ((await stamp.exists()) && (await stamp.text()) === state) return;
  using _slow = announceWhenSlow(report, "installing dependencies …");
  await run([process.execPath, "install", "--frozen-lockfile"], "install the dependencies");
  await Bun.write(stamp, state);
}

async function describeDependencies(): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const name of ["package.json", "bun.lock"]) {
    hash.update(await Bun.file(join(ROOT, name)).bytes());
  }
  // A folder that moves between machines holds the other one's optional packages.
  return `${hash.digest("hex")} ${process.platform}-${process.arch}\n`;
}

async function installRedis(): Promise<void> {
  if (Bun.env.REDIS_URL || Bun.env.NODE_ENV === "production" || hasRedis()) return;
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
