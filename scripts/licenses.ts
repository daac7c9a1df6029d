/** Checks that every package we depend on may be used: prints the licences, and ends with 1 if one is not allowed. */
import { join } from "node:path";

import { type LockedPackage, readLockfile } from "./lockfile.ts";
import { isAllowed, parseExpression } from "./spdx.ts";

/** Licences that ask for no more than to be named. */
export const PERMISSIVE: ReadonlySet<string> = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MIT-0",
  "PostgreSQL",
  "Python-2.0",
  "Unlicense",
  "Zlib",
]);

/** Tools never reach anybody, so conditions on what is handed on do not touch us. */
const FOR_TOOLS: ReadonlySet<string> = new Set([...PERMISSIVE, "CC-BY-4.0", "MPL-2.0"]);

/** A package whose own data are wrong or missing, and what somebody has found out by reading it. */
export interface Excuse {
  license: string;
  reason: string;
}

/** Every excuse there is, by name and version; one that is no longer needed is refused. */
const EXCUSED: Record<string, Excuse> = {};

/** A package and its licence as it says itself; undefined when it says nothing. */
export interface Licensed {
  package: LockedPackage;
  license: string | undefined;
}

const ROOT = join(import.meta.dir, "..");

/** Reads the licences of what is installed; what is made for another machine is not there. */
export async function readLicenses(root: string, packages: LockedPackage[]): Promise<Licensed[]> {
  const read = packages.map(async (locked) => {
    const file = Bun.file(join(root, locked.folder, "package.json"));
    if (await file.exists()) return [{ package: locked, license: licenseOf(await file.json()) }];
    if (locked.forOnePlatform) return [];
    throw new Error(`Cannot read the licence of "${locked.key}": run bun install first`);
  });
  return (await Promise.all(read)).flat();
}

/** Today it is one expression; packages of old have an object, or a list of which one may choose. */
export function licenseOf(manifest: unknown): string | undefined {
  const { license, licenses } = manifest as Record<string, unknown>;
  const stated = [license ?? licenses ?? []].flat();
  const names = stated.map((one) =>
    typeof one === "string" ? one : (one as { type?: unknown } | null)?.type,
  );
  const known = names.filter((name): name is string => typeof name === "string" && name !== "");
  return known.length === 0 ? undefined : known.join(" OR ");
}

/** What may not stay as it is, one line each. */
export function checkLicenses(licensed: Licensed[], excused: Record<string, Excuse>): string[] {
  const needed = new Set<string>();
  const problems = licensed.flatMap(({ package: locked, license }) => {
    const ident = `${locked.name}@${locked.version}`;
    const allowed = locked.scope === "excluded" ? FOR_TOOLS : PERMISSIVE;
    const own = refuse(license, allowed);
    const excuse = Object.hasOwn(excused, ident) ? excused[ident] : undefined;
    if (own === undefined) return [];
    if (excuse) needed.add(ident);
    const problem = excuse ? refuse(excuse.license, allowed) : own;
    return problem === undefined ? [] : [`${locked.key}: ${ident} (${locked.scope}): ${problem}`];
  });
  const stale = Object.entries(excused).flatMap(([ident, { reason }]) => [
    ...(needed.has(ident) ? [] : [`${ident}: excused, but not in need of it: take the entry away`]),
    ...(reason.trim() === "" ? [`${ident}: excused without a reason: say why`] : []),
  ]);
  return [...problems, ...stale];
}

function refuse(license: string | undefined, allowed: ReadonlySet<string>): string | undefined {
  if (license === undefined) return "states no licence";
  try {
    return isAllowed(parseExpression(license), allowed)
      ? undefined
      : `"${license}" is not allowed here`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function summarize(licensed: Licensed[]): string[] {
  const groups = Map.groupBy(licensed, ({ license }) => license ?? "none");
  return [...groups]
    .toSorted(([, one], [, other]) => other.length - one.length)
    .map(([license, group]) => {
      const names = group.map(({ package: { name, version } }) => `${name}@${version}`);
      return `${license} (${group.length}): ${[...new Set(names)].join(" ")}`;
    });
}

if (import.meta.main) {
  const { packages } = await readLockfile(ROOT);
  const licensed = await readLicenses(ROOT, packages);
  for (const line of summarize(licensed)) console.log(line);
  const problems = checkLicenses(licensed, EXCUSED);
  for (const problem of problems) console.log(problem);
  const absent = packages.length - licensed.length;
  console.log(
    `${licensed.length} packages, ${problems.length} problems; ${absent} are for other machines`,
  );
  process.exit(problems.length === 0 ? 0 : 1);
}
