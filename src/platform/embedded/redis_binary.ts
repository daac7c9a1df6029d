import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { EmbeddedError } from "./error.ts";

const MIN_MAJOR = 7;
const NAMES = ["redis-server", "valkey-server"];

export interface RedisBinary {
  program: string;
  env: Record<string, string>;
}

/** The Redis or Valkey on PATH, else the distribution's package that `./scripts/start` has unpacked. */
export function findRedisBinary(dataDir: string): RedisBinary {
  const unpackedDir = join(dataDir, "redis-program");
  const onPath = NAMES.map((name) => Bun.which(name)).filter((found) => found !== null);
  const candidates: RedisBinary[] = onPath.map((program) => ({ program, env: {} }));
  const unpacked = join(unpackedDir, "usr", "bin", "redis-server");
  if (existsSync(unpacked)) {
    candidates.push({ program: unpacked, env: { LD_LIBRARY_PATH: libraryPathOf(unpackedDir) } });
  }
  const tooOld: string[] = [];
  for (const candidate of candidates) {
    const version = versionOf(candidate);
    if (Number.parseInt(version, 10) >= MIN_MAJOR) return candidate;
    tooOld.push(`${candidate.program} (${version})`);
  }
  const found = tooOld.length === 0 ? "there is none" : `${tooOld.join(", ")} will not do`;
  throw new EmbeddedError(
    "redis",
    join(dataDir, "redis"),
    `it needs redis-server ${MIN_MAJOR} or valkey-server and ${found}; run ./scripts/start, which installs one, or set REDIS_URL`,
  );
}

function versionOf(binary: RedisBinary): string {
  const shown = Bun.spawnSync([binary.program, "--version"], {
    env: binary.env,
    stderr: "ignore",
  });
  return /v=(\d+\.\d+)/.exec(shown.stdout.toString())?.[1] ?? "unknown version";
}

/** Debian keeps libraries in a folder for each architecture, under /lib and /usr/lib. */
function libraryPathOf(unpackedDir: string): string {
  const roots = [join(unpackedDir, "usr", "lib"), join(unpackedDir, "lib")];
  const present = roots.filter((root) => existsSync(root));
  return present.flatMap((root) => readdirSync(root).map((name) => join(root, name))).join(":");
}
