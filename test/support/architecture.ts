import { checkCycles, type Import, listImports, resolveImport } from "./imports.ts";
import type { Finding, SourceFile } from "./source.ts";
import { lineAt, viewsOf } from "./source.ts";

/** A kind of file: where it lives and what it may import. */
interface Layer {
  name: string;
  /** The path below src; the first group, where there is one, is the feature. */
  files: RegExp;
  /** Layers by name; inside features `own:`, `other:` or `any:` says whose. */
  imports: string[];
  /** Layers of which only types may be imported. */
  types?: string[];
  onlyPackages?: RegExp;
  neverPackages?: RegExp;
  /** For a package that is allowed in part, the names that may be imported from it. */
  onlyNames?: Record<string, string[]>;
  /** How the rule reads to whoever broke it. */
  may: string;
}

interface Place {
  layer: Layer;
  feature: string;
}

const NOUN = "[a-z][a-z0-9_]*";
const NONE = /^$/;
const DRIVERS = /^(?:postgres|redis|@redis\/.*)$/;
const DATABASE = /^(?:drizzle-.*|postgres|redis|@redis\/.*)$/;
const DOORS = ["any:routes", "any:events", "any:jobs"];
const DOOR_MAY = "platform, its own schema and service, or another feature's mod.ts";
const ROOT_MAY = "platform, the doors of features, or their mod.ts";
const PROCESS_MAY = "platform and the composition roots app.ts, socket.ts, jobs.ts";

/** The table of the layout; a path belongs to the first layer that matches it. */
export const LAYERS: Layer[] = [
  {
    name: "platform-tables",
    files: new RegExp(`^platform/tables(?:/${NOUN})?\\.ts$`),
    imports: ["platform-tables"],
    onlyPackages: /^drizzle-orm(?:\/|$)/,
    may: "drizzle only",
  },
  {
    name: "platform",
    // A declaration says what a package's files are, where the package does not.
    files: new RegExp(`^platform/(?:${NOUN}/)*${NOUN}(?:\\.d)?\\.ts$`),
    imports: ["platform", "platform-tables"],
    may: "platform and packages",
  },
  {
    name: "tables",
    files: inFeature("tables"),
    imports: ["any:tables", "platform-tables"],
    onlyPackages: /^drizzle-orm(?:\/|$)/,
    may: "drizzle and any tables.ts",
  },
  {
    name: "schema",
    files: inFeature("schema"),
    imports: ["platform", "own:schema"],
    onlyPackages: /^elysia$/,
    onlyNames: { elysia: ["t"] },
    may: "platform, its own schema, and `t` of elysia",
  },
  {
    name: "service",
    files: inFeature("service"),
    imports: [
      "platform",
      "platform-tables",
      "own:service",
      "own:schema",
      "any:tables",
      "other:mod",
    ],
    neverPackages: /^(?:elysia|elysia\/.*|@elysiajs\/.*|postgres|redis|@redis\/.*)$/,
    may: "platform, its own schema and tables, another feature's mod.ts or tables.ts, never elysia",
  },
  {
    name: "mod",
    files: inFeature("mod"),
    imports: ["platform", "own:service", "own:schema"],
    onlyPackages: NONE,
    may: "platform, its own service and schema",
  },
  ...["routes", "events", "jobs"].map((name) => ({
    name,
    files: inFeature(name),
    imports: ["platform", `own:${name}`, "own:schema", "own:service", "any:mod"],
    neverPackages: DATABASE,
    may: DOOR_MAY,
  })),
  {
    name: "app",
    files: /^app\.ts$/,
    imports: ["platform", ...DOORS, "any:mod", "page"],
    neverPackages: DATABASE,
    may: ROOT_MAY,
  },
  ...["socket", "jobs"].map((name) => ({
    name: `root-${name}`,
    files: new RegExp(`^${name}\\.ts$`),
    imports: ["platform", ...DOORS, "any:mod"],
    neverPackages: DATABASE,
    may: ROOT_MAY,
  })),
  {
    name: "process",
    files: /^(?:main|worker)\.ts$/,
    imports: ["platform", "app", "root-socket", "root-jobs", "page"],
    neverPackages: DRIVERS,
    may: PROCESS_MAY,
  },
  {
    name: "client",
    files: new RegExp(`^client/(?:${NOUN}/)*${NOUN}\\.ts$`),
    imports: ["client"],
    types: ["app", "any:schema"],
    onlyPackages: /^@elysiajs\/eden(?:\/|$)/,
    may: "client, and `import type` from app.ts or a feature's schema.ts",
  },
  {
    name: "dashboard",
    files: new RegExp(`^dashboard/(?:${NOUN}/)*${NOUN}\\.tsx?$`),
    imports: ["dashboard", "client", "page"],
    onlyPackages: NONE,
    may: "dashboard and client",
  },
  {
    name: "page",
    files: new RegExp(`^dashboard/(?:${NOUN}/)*[a-z][a-z0-9_-]*\\.(?:html|css|svg|png|ico)$`),
    imports: [],
    may: "nothing",
  },
];

/** Who may touch which member of `process`; `Bun.env` counts as `env`. */
const PROCESS_MEMBERS = [
  { files: /^src\/(?:main|worker)\.ts$/, may: /./ },
  { files: /^src\/platform\/config\.ts$/, may: /^env$/ },
  { files: /^src\/platform\/embedded\//, may: /^(?:getuid|pid|kill|platform|arch)$/ },
];
const ENVIRONMENT =
  /(?<![.\w$])process\s*(?:\?\.|\.)\s*(\w+)|\bBun\s*\.\s*(env)\b|\bimport\.meta\.(env)\b|(?<![.\w$])process\s*(?=[[;,)}])/g;

/** Checks every rule of the layout; the answer is empty when all hold. */
export function checkArchitecture(files: SourceFile[], packages?: string[]): Finding[] {
  const paths = new Set(files.map(({ path }) => path));
  const code = files.filter(({ path }) => /\.tsx?$/.test(path));
  return [
    ...files.flatMap(checkLayer),
    ...code.flatMap((file) => checkImports(file, paths, packages)),
    ...code.flatMap(checkProcess),
    ...checkCycles(code, paths),
  ];
}

function inFeature(name: string): RegExp {
  return new RegExp(`^features/(${NOUN})/${name}(?:/${NOUN})?\\.ts$`);
}

function placeOf(path: string): Place | undefined {
  const below = path.replace(/^src\//, "");
  for (const layer of LAYERS) {
    const match = layer.files.exec(below);
    if (match) return { layer, feature: match[1] ?? "" };
  }
  return undefined;
}

function checkLayer({ path }: SourceFile): Finding[] {
  if (placeOf(path)) return [];
  const instead = "a file of platform/, or tables, schema, service, routes, events, jobs or mod";
  return [{ path, line: 1, what: "belongs to no layer", instead }];
}

function checkImports(file: SourceFile, paths: Set<string>, packages?: string[]): Finding[] {
  const place = placeOf(file.path);
  if (!place) return [];
  return listImports(file.source).flatMap((found) => {
    const problem = found.specifier.startsWith(".")
      ? refuseRelative(file.path, place, { found, paths })
      : (refusePackage(place.layer, found) ?? refuseUndeclared(found, packages));
    return problem ? [{ path: file.path, line: found.line, ...problem }] : [];
  });
}

type Refusal = Pick<Finding, "what" | "instead"> | undefined;

function refuseRelative(
  path: string,
  from: Place,
  { found, paths }: { found: Import; paths: Set<string> },
): Refusal {
  const target = resolveImport(path, found.specifier);
  const what = `${from.layer.name} imports "${found.specifier}"`;
  if (!target.startsWith("src/")) return { what, instead: "only what lies in src" };
  if (!paths.has(target))
    return { what: `${what}, which does not exist`, instead: "the path with its ending" };
  const to = placeOf(target);
  if (!to || mayImport(from, to, found.typeOnly)) return undefined;
  return { what, instead: from.layer.may };
}

function mayImport(from: Place, to: Place, typeOnly: boolean): boolean {
  const allowed = typeOnly
    ? [...from.layer.imports, ...(from.layer.types ?? [])]
    : from.layer.imports;
  const whose = from.feature === to.feature ? "own" : "other";
  const { name } = to.layer;
  return [name, `${whose}:${name}`, `any:${name}`].some((target) => allowed.includes(target));
}

function refusePackage(layer: Layer, { specifier, names, dynamic }: Import): Refusal {
  const what = `${layer.name} imports "${specifier}"`;
  const instead = layer.may;
  if (specifier === "") {
    return layer.name === "platform"
      ? undefined
      : { what: `${layer.name} imports a computed path`, instead: "a path in quotes" };
  }
  if (layer.onlyPackages && !layer.onlyPackages.test(specifier)) return { what, instead };
  if (layer.neverPackages?.test(specifier)) return { what, instead };
  const allowed = layer.onlyNames?.[specifier];
  if (!allowed) return undefined;
  const extra = dynamic ? ["everything"] : names.filter((name) => !allowed.includes(name));
  return extra.length > 0 ? { what: `${what} (${extra.join(", ")})`, instead } : undefined;
}

/** A package that comes only with another one may be gone after the next update. */
function refuseUndeclared({ specifier, dynamic }: Import, packages?: string[]): Refusal {
  if (!packages || dynamic || /^(?:node|bun):|^bun$/.test(specifier)) return undefined;
  const name = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  if (packages.includes(name)) return undefined;
  return { what: `"${name}" is not in package.json`, instead: "bun add --exact, or do without it" };
}

function checkProcess({ path, source }: SourceFile): Finding[] {
  const { code } = viewsOf(source);
  const shadow = code.search(/\b(?:const|let|var)\s+process\b/);
  if (shadow !== -1) {
    const line = lineAt(source, shadow);
    return [
      { path, line, what: "hides the global process", instead: "another name, such as child" },
    ];
  }
  const may = PROCESS_MEMBERS.find(({ files }) => files.test(path))?.may ?? NONE;
  const inCode = [...code.matchAll(ENVIRONMENT)].map((match) => ({
    line: lineAt(source, match.index),
    member: match[1] ?? match[2] ?? match[3] ?? "process",
  }));
  const imported = listImports(source)
    .filter(({ specifier }) => /^(?:node:)?process$/.test(specifier) || specifier === "bun")
    .flatMap(({ line, names, specifier }) =>
      names
        .filter((name) => specifier !== "bun" || name === "env")
        .map((member) => ({ line, member })),
    );
  return [...inCode, ...imported]
    .filter(({ member }) => !may.test(member))
    .map(({ line, member }) => ({
      path,
      line,
      what: `reads process.${member}`,
      instead: insteadOf(member),
    }));
}

function insteadOf(member: string): string {
  return member === "env"
    ? "the settings of platform/config.ts"
    : "a parameter that main.ts or worker.ts fills";
}
