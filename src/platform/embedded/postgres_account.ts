import { chownSync, lchownSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";

import { environmentOf, type PostgresBinaries } from "./postgres_binaries.ts";

/** How Postgres is started, which refuses to run as root. */
export interface PostgresAccount {
  /** What stands before each command. */
  prefix: readonly string[];
  /** The user to become; undefined for the user who runs us. */
  user: { uid: number; gid: number } | undefined;
}

const ROOT = 0;
/** Any number but zero will do: inside the namespace it stands for root, without root's powers outside. */
const NAMESPACE = ["--user", "--map-user=1000", "--map-group=1000"];
const SERVICE_USERS = ["postgres", "nobody"];

/**
 * A normal user runs Postgres as itself. Root runs it in a user namespace, where it is nobody special but
 * still owns root's files, so that a data folder inside root's home works. Where the kernel or the
 * container forbids namespaces, it runs as a service user, who has to be able to reach every file.
 */
export function chooseAccounts(): PostgresAccount[] {
  if (userInfo().uid !== ROOT) return [{ prefix: [], user: undefined }];
  // A PATH that was cut short must not change as whom the data is kept.
  const unshare = Bun.which("unshare") ?? Bun.which("unshare", { PATH: "/usr/bin:/bin" });
  const namespaced = unshare === null ? [] : [{ prefix: [unshare, ...NAMESPACE], user: undefined }];
  const user = findServiceUser();
  return user === undefined ? namespaced : [...namespaced, { prefix: [], user }];
}

/** Whether the account reaches the folder and can run the program there with its libraries. */
export function canRun(account: PostgresAccount, binaries: PostgresBinaries, dir: string): boolean {
  const script = 'cd "$1" && exec "$2" --version';
  const argv = [...account.prefix, "/bin/sh", "-c", script, "sh", dir, binaries.postgres];
  const env = environmentOf(binaries);
  const ran = Bun.spawnSync(argv, { cwd: "/", env, stderr: "ignore", ...account.user });
  return ran.success;
}

/** The uid that Postgres's files have to belong to. */
export function ownerOf(account: PostgresAccount): number {
  return account.user?.uid ?? userInfo().uid;
}

/** Makes a private folder that belongs to the account, with all that is in it. */
export function makeOwnedDir(account: PostgresAccount, dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const uid = ownerOf(account);
  // Files change hands when the data folder was used from inside a container, or before namespaces worked.
  if (userInfo().uid === ROOT && statSync(dir).uid !== uid) {
    giveTree(dir, uid, account.user?.gid ?? ROOT);
  }
}

function giveTree(dir: string, uid: number, gid: number): void {
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    lchownSync(join(entry.parentPath, entry.name), uid, gid);
  }
  // The folder itself comes last: its owner says whether the whole tree was given.
  chownSync(dir, uid, gid);
}

function findServiceUser(): { uid: number; gid: number } | undefined {
  const rows = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((row) => row.split(":"));
  for (const name of SERVICE_USERS) {
    const row = rows.find((fields) => fields[0] === name);
    const [uid, gid] = [Number(row?.[2]), Number(row?.[3])];
    if (row !== undefined && uid > ROOT) return { uid, gid };
  }
  return undefined;
}
