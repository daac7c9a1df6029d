import { existsSync, mkdirSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";

import { EmbeddedError } from "./error.ts";
import { hashOf } from "./folders.ts";
import {
  canRun,
  chooseAccounts,
  makeOwnedDir,
  ownerOf,
  type PostgresAccount,
} from "./postgres_account.ts";
import { copyBinaries, findPostgresBinaries, type PostgresBinaries } from "./postgres_binaries.ts";

/** Where root keeps the data of a service user who cannot reach the data folder. */
const SYSTEM_ROOT = "/var/lib/frm-ai";

export interface PostgresHome {
  account: PostgresAccount;
  binaries: PostgresBinaries;
  clusterDir: string;
  socketDir: string;
}

export interface PostgresPlace {
  dataDir: string;
  runtimeDir: string;
  progress: (line: string) => void;
}

/** Decides as whom, with which binaries and in which folders Postgres runs. */
export function choosePostgresHome(place: PostgresPlace): PostgresHome {
  const systemDir = join(SYSTEM_ROOT, hashOf(place.dataDir));
  const ownCluster = join(place.dataDir, "postgres");
  // Data that an earlier start had to put elsewhere stays the data, whatever this start could do.
  const clusters = [ownCluster, join(systemDir, "postgres")];
  const existing = clusters.find((dir) => existsSync(join(dir, "PG_VERSION")));
  const binaries = findPostgresBinaries(place.dataDir, existing ?? ownCluster);

  for (const account of chooseAccounts()) {
    if (account.user !== undefined) {
      return openSystemHome({ account, binaries, systemDir, existing }, place);
    }
    const isRoot = account.prefix.length > 0;
    if (isRoot && !canRun(account, binaries, place.dataDir)) continue;
    const clusterDir = existing ?? ownCluster;
    return claimHome({ account, binaries, clusterDir, socketDir: place.runtimeDir });
  }
  throw new EmbeddedError(
    "postgres",
    ownCluster,
    "it refuses to run as root, and there is neither unshare nor a user named postgres or nobody",
  );
}

interface SystemChoice {
  account: PostgresAccount;
  binaries: PostgresBinaries;
  systemDir: string;
  existing: string | undefined;
}

/** The sockets cannot be in our private runtime folder, which another user may not enter. */
function openSystemHome(choice: SystemChoice, place: PostgresPlace): PostgresHome {
  const { account, systemDir, existing } = choice;
  mkdirSync(systemDir, { recursive: true, mode: 0o755 });
  const isRunnable = canRun(account, choice.binaries, "/");
  const binaries = isRunnable ? choice.binaries : copyBinaries(choice.binaries, systemDir);
  const isReachable = canRun(account, binaries, place.dataDir);
  const ownCluster = join(place.dataDir, "postgres");
  const clusterDir = existing ?? (isReachable ? ownCluster : join(systemDir, "postgres"));
  if (!isReachable && clusterDir === ownCluster) {
    // Data made elsewhere instead would look as if everything had been lost.
    const state = `user namespaces (unshare) worked when it was made and do not now, so no user but root can reach it; allow them, set DATABASE_URL, or move the folder away`;
    throw new EmbeddedError("postgres", ownCluster, state);
  }
  if (!isReachable && existing === undefined) {
    place.progress(
      `embedded postgres may not run as root, and its own user cannot reach ${place.dataDir}: its data is in ${clusterDir}`,
    );
  }
  const socketDir = join(systemDir, "run");
  makeOwnedDir(account, socketDir);
  return claimHome({ account, binaries, clusterDir, socketDir });
}

function claimHome(home: PostgresHome): PostgresHome {
  makeOwnedDir(home.account, home.clusterDir);
  const { uid } = statSync(home.clusterDir);
  if (uid !== ownerOf(home.account)) {
    const state = `it belongs to the user with the number ${uid}, not to ${userInfo().username}`;
    throw new EmbeddedError("postgres", home.clusterDir, state);
  }
  return home;
}
