import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

import { EmbeddedError } from "./error.ts";
import { makeOwnedDir } from "./postgres_account.ts";
import { environmentOf } from "./postgres_binaries.ts";
import type { PostgresHome } from "./postgres_home.ts";

export const SUPERUSER = "frm";
export const DATABASE = "frm";
/** A slow disk needs several seconds; this is for a disk that hangs. */
const INIT_LIMIT_MS = 120_000;

/**
 * Makes the data folder with its database, once. It is made under another name and then renamed, so that
 * a kill in the middle leaves nothing that looks like a finished one.
 */
export async function createCluster(home: PostgresHome, durable: boolean): Promise<void> {
  if (existsSync(join(home.clusterDir, "PG_VERSION"))) return;
  const unfinished = `${home.clusterDir}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  makeOwnedDir(home.account, unfinished);

  const { initdb, postgres } = home.binaries;
  const sync = durable ? [] : ["--no-sync"];
  const locale = ["--encoding=UTF8", "--locale=C.UTF-8"];
  const access = [`--username=${SUPERUSER}`, "--auth=trust"];
  await run(home, [initdb, "-D", unfinished, ...locale, ...access, ...sync]);
  // Single-user mode needs neither a client nor a second start.
  const single = [postgres, "--single", "-D", unfinished, "-c", `fsync=${durable ? "on" : "off"}`];
  await run(home, [...single, "postgres"], `CREATE DATABASE ${DATABASE}\n`);
  renameSync(unfinished, home.clusterDir);
}

async function run(home: PostgresHome, argv: string[], input = ""): Promise<void> {
  const ran = Bun.spawn([...home.account.prefix, ...argv], {
    cwd: "/",
    env: environmentOf(home.binaries),
    stdin: new TextEncoder().encode(input),
    stdout: "ignore",
    stderr: "pipe",
    timeout: INIT_LIMIT_MS,
    killSignal: "SIGKILL",
    // A Ctrl-C in the terminal is for us: it must not break off what the rest of the start relies on.
    detached: true,
    ...home.account.user,
  });
  const said = await ran.stderr.text();
  const hasFailed = (await ran.exited) !== 0 || /^.*(?:ERROR|FATAL|PANIC):/m.test(said);
  if (!hasFailed) return;
  throw new EmbeddedError("postgres", home.clusterDir, lastComplaint(said));
}

/** The line that tells what went wrong; the rest is advice for people who started it by hand. */
export function lastComplaint(log: string): string {
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  const complaint = lines.findLast((line) => /error|FATAL|PANIC|could not|invalid/.test(line));
  return (complaint ?? lines.at(-1) ?? "it stopped without a word").trim();
}
