import { join } from "node:path";

/** Whether the product needs a package to run, may run without it, or only its developers need it. */
export type Scope = "required" | "optional" | "excluded";

/** One package of the lock file, at one place of the tree. */
export interface LockedPackage {
  /** Its place, such as `tsx/esbuild`: the esbuild that only tsx gets. */
  key: string;
  name: string;
  version: string;
  /** As in the lock file: `sha512-` and base64. */
  integrity: string;
  /** Keys of the packages that it gets. */
  dependencies: string[];
  scope: Scope;
  /** It is made for one kind of machine, so that it may be missing on another. */
  forOnePlatform: boolean;
  /** Its folder below the repository. */
  folder: string;
}

export interface Lockfile {
  name: string;
  /** Keys of what package.json itself asks for. */
  direct: string[];
  packages: LockedPackage[];
}

type Names = Record<string, string>;

interface Wants {
  name?: string;
  dependencies?: Names;
  devDependencies?: Names;
  optionalDependencies?: Names;
  peerDependencies?: Names;
  optionalPeers?: string[];
  os?: unknown;
  cpu?: unknown;
}

interface Raw {
  workspaces?: Record<string, Wants>;
  packages?: Record<string, unknown[]>;
}

interface Found {
  key: string;
  place: Omit<LockedPackage, "key" | "dependencies" | "scope">;
  wants: Wants;
}

/** Reads the lock file of Bun. @throws for a package that no registry vouches for. */
export async function readLockfile(root: string): Promise<Lockfile> {
  const raw = Bun.JSONC.parse(await Bun.file(join(root, "bun.lock")).text()) as Raw;
  const found = new Map(
    Object.entries(raw.packages ?? {}).map(([key, entry]) => [key, readEntry(key, entry)]),
  );
  const top = raw.workspaces?.[""] ?? {};
  const required = reach(found, resolveAll(found, "", top.dependencies));
  const optional = reach(found, [
    ...required.keys().flatMap((key) => optionalOf(found, key)),
    ...resolveAll(found, "", top.optionalDependencies),
  ]);
  const scopeOf = (key: string): Scope =>
    required.has(key) ? "required" : optional.has(key) ? "optional" : "excluded";
  return {
    name: top.name ?? "",
    direct: [top.dependencies, top.optionalDependencies, top.devDependencies].flatMap((names) =>
      resolveAll(found, "", names),
    ),
    packages: [...found.values()].map(({ place, key }) => ({
      ...place,
      key,
      dependencies: [...neededBy(found, key), ...optionalOf(found, key)],
      scope: scopeOf(key),
    })),
  };
}

function readEntry(key: string, entry: unknown[]): Found {
  const [ident, , wants, integrity] = entry as [string, string, Wants, unknown];
  const at = ident.lastIndexOf("@");
  if (
    entry.length !== 4 ||
    at < 1 ||
    typeof integrity !== "string" ||
    !integrity.startsWith("sha512-")
  )
    throw new Error(`Cannot read the lock file at "${key}": the entry has no integrity`);
  const place = {
    name: ident.slice(0, at),
    version: ident.slice(at + 1),
    integrity,
    forOnePlatform: wants.os !== undefined || wants.cpu !== undefined,
    folder: `node_modules/${namesOf(key).join("/node_modules/")}`,
  };
  return { key, place, wants };
}

/** A key is the path of names by which a package is found; the name of a scope has two parts. */
function namesOf(key: string): string[] {
  return key.match(/(?:@[^/]+\/)?[^/]+/g) ?? [];
}

/** Everything that these keys need, themselves included. */
function reach(found: Map<string, Found>, keys: Iterable<string>): Set<string> {
  const reached = new Set(keys);
  // A set hands out what is added while it is walked.
  for (const key of reached) for (const next of neededBy(found, key)) reached.add(next);
  return reached;
}

function neededBy(found: Map<string, Found>, key: string): string[] {
  const { dependencies, peerDependencies = {}, optionalPeers = [] } = found.get(key)?.wants ?? {};
  const peers = Object.entries(peerDependencies).filter(([name]) => !optionalPeers.includes(name));
  return [
    ...resolveAll(found, key, dependencies),
    ...resolveAll(found, key, Object.fromEntries(peers)),
  ];
}

function optionalOf(found: Map<string, Found>, key: string): string[] {
  return resolveAll(found, key, found.get(key)?.wants.optionalDependencies);
}

/** Which package each name means at a place: the nearest one on the way up. */
function resolveAll(found: Map<string, Found>, from: string, names: Names = {}): string[] {
  const way = namesOf(from);
  return Object.keys(names).flatMap((name) => {
    for (let depth = way.length; depth >= 0; depth -= 1) {
      const key = [...way.slice(0, depth), name].join("/");
      if (found.has(key)) return [key];
    }
    return [];
  });
}
