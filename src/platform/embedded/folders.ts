import { chmodSync, lstatSync, mkdirSync, openSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

import { describeFailure, EmbeddedError, type ServiceName } from "./error.ts";

/** Longer paths do not fit into the kernel's address of a unix socket (108 bytes with the closing zero). */
const SOCKET_PATH_MAX_BYTES = 107;
/** The longest name that a server puts into the runtime folder, with the slash before it. */
const LONGEST_SOCKET_NAME = "/.s.PGSQL.5432";
const LOG_MAX_BYTES = 5 * 1024 * 1024;
const PRIVATE_MODE = 0o700;

/** A short name that is the same at each start on this data folder, and differs between users. */
export function hashOf(dataDir: string): string {
  const hash = new Bun.CryptoHasher("sha256").update(`${userInfo().uid}:${dataDir}`);
  return hash.digest("hex").slice(0, 12);
}

/**
 * Where the sockets live: the temporary folder, because a data folder may be too deep for a socket's path,
 * and because XDG_RUNTIME_DIR is emptied when its user logs out while a server may run on.
 */
export function openRuntimeDir(dataDir: string): string {
  const name = `frm-${hashOf(dataDir)}`;
  const roots = [tmpdir(), "/tmp"];
  const root = roots.find((candidate) => fitsSocket(join(candidate, name))) ?? "/tmp";
  const dir = join(root, name);
  try {
    mkdirSync(dir, { mode: PRIVATE_MODE });
  } catch (error) {
    const isTaken = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (!isTaken) throw new EmbeddedError("services", dataDir, describeFailure(error));
    claimExisting(dir, dataDir);
  }
  return dir;
}

function fitsSocket(dir: string): boolean {
  return Buffer.byteLength(dir + LONGEST_SOCKET_NAME) <= SOCKET_PATH_MAX_BYTES;
}

/** The temporary folder is everybody's: a folder of that name which is not ours may be somebody's trap. */
function claimExisting(dir: string, dataDir: string): void {
  const found = lstatSync(dir);
  if (!found.isDirectory() || found.uid !== userInfo().uid) {
    const state = `"${dir}", which it needs for its sockets, belongs to somebody else; remove it or set TMPDIR`;
    throw new EmbeddedError("services", dataDir, state);
  }
  chmodSync(dir, PRIVATE_MODE);
}

export function removeRuntimeDir(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}

/** Opens a server's log for appending; one that has grown large starts afresh. */
export function openLog(dataDir: string, service: ServiceName): { file: string; fd: number } {
  const dir = join(dataDir, "log");
  const file = join(dir, `${service}.log`);
  mkdirSync(dir, { recursive: true });
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_MAX_BYTES) truncateSync(file);
  return { file, fd: openSync(file, "a", 0o600) };
}
