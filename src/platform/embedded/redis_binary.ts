import { existsSync } from "node:fs";
import { join } from "node:path";

import { EmbeddedError } from "./error.ts";

const MIN_MAJOR = 7;
const NAMES = ["redis-server", "valkey-server"];
/** Where `./scripts/start` unpacks the distribution's package: one for all data folders. */
const UNPACKED = join(import.meta.dir, "../../../.data/toolchain/bin/redis-server");

/**
 * The Redis or Valkey on PATH, else the one that `./scripts/start` has unpacked.
 * @throws {EmbeddedError} when there is none, or none that is new enough.
 */
export function findRedisBinary(dataDir: string): string {
  const onPath = NAMES.map((name) => Bun.which(name)).filter((found) => found !== null);
  const candidates = existsSync(UNPACKED) ? [...onPath, UNPACKED] : onPath;
  const tooOld: string[] = [];
  for (const program of candidates) {
    const version = versionOf(program);
    if (Number.parseInt(version, 10) >= MIN_MAJOR) return program;
    tooOld.push(`${program} (${version})`);
  }
  const found = tooOld.length === 0 ? "there is none" : `${tooOld.join(", ")} will not do`;
  throw new EmbeddedError(
    "redis",
    join(dataDir, "redis"),
    `it needs redis-server ${MIN_MAJOR} or valkey-server and ${found}; run ./scripts/start, which installs one, or set REDIS_URL`,
  );
}

function versionOf(program: string): string {
  const shown = Bun.spawnSync([program, "--version"], { stderr: "ignore" });
  return /v=(\d+\.\d+)/.exec(shown.stdout.toString())?.[1] ?? "unknown version";
}
