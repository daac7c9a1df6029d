/**
 * Writes the bill of materials, CycloneDX 1.6 as JSON, into DATA_DIR, or where `--out` says, or to stdout with
 * `--out -`. The same lock file gives the same bytes; a time is in it only if SOURCE_DATE_EPOCH is set.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";

import manifest from "../package.json";
import { licenseOf, PERMISSIVE, readLicenses } from "./licenses.ts";
import { type LockedPackage, type Lockfile, readLockfile, type Scope } from "./lockfile.ts";
import { parseExpression } from "./spdx.ts";

interface Component {
  type: "library";
  "bom-ref": string;
  group?: string;
  name: string;
  version: string;
  scope: Scope;
  hashes: { alg: "SHA-512"; content: string }[];
  licenses?: License[];
  purl: string;
}

type License = { license: { id: string } | { name: string } } | { expression: string };

interface Dependency {
  ref: string;
  dependsOn: string[];
}

export interface Bom {
  bomFormat: "CycloneDX";
  specVersion: "1.6";
  serialNumber: string;
  version: 1;
  metadata: Record<string, unknown>;
  components: Component[];
  dependencies: Dependency[];
}

/** What the bill is made of. */
export interface Materials {
  lockfile: Lockfile;
  /** Licence by the key of the package. */
  licenses: ReadonlyMap<string, string | undefined>;
  product: { name: string; version: string; description: string; license: string };
  /** Seconds since 1970. */
  madeAt?: number;
}

const ROOT = join(import.meta.dir, "..");
const STRENGTH: Scope[] = ["required", "optional", "excluded"];

/** The bill of materials, in a fixed order. */
export function createBom({ lockfile, licenses, product, madeAt }: Materials): Bom {
  const refs = new Map(lockfile.packages.map((locked) => [locked.key, purlOf(locked)]));
  // A package that lies at several places of the tree is one component.
  const groups = Map.groupBy(lockfile.packages, purlOf);
  const components = [...groups.values()].map((group) => toComponent(group, licenses));
  const root = `${product.name}@${product.version}`;
  const edges = [...groups].map(([ref, group]) =>
    toDependency(
      ref,
      group.flatMap(({ dependencies }) => dependencies),
      refs,
    ),
  );
  const content = {
    metadata: {
      ...(madeAt === undefined ? {} : { timestamp: new Date(madeAt * 1000).toISOString() }),
      lifecycles: [{ phase: "build" }],
      component: {
        type: "application",
        "bom-ref": root,
        name: product.name,
        version: product.version,
        description: product.description,
        licenses: [toLicense(product.license)],
      },
    },
    components: components.toSorted((one, other) => compare(one.purl, other.purl)),
    dependencies: [
      toDependency(root, lockfile.direct, refs),
      ...edges.toSorted((one, other) => compare(one.ref, other.ref)),
    ],
  };
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: serialOf(JSON.stringify(content)),
    version: 1,
    ...content,
  };
}

function toComponent(group: LockedPackage[], licenses: Materials["licenses"]): Component {
  const [first] = group;
  if (!first) throw new Error("Cannot describe a component: it has no package");
  const [scope, name] = first.name.startsWith("@") ? first.name.split("/") : ["", first.name];
  const license = licenses.get(first.key);
  return {
    type: "library",
    "bom-ref": purlOf(first),
    ...(scope ? { group: scope } : {}),
    name: name ?? first.name,
    version: first.version,
    scope: STRENGTH.find((strength) => group.some((one) => one.scope === strength)) ?? "excluded",
    hashes: [{ alg: "SHA-512", content: hexOf(first.integrity) }],
    ...(license === undefined ? {} : { licenses: [toLicense(license)] }),
    purl: purlOf(first),
  };
}

function toDependency(ref: string, keys: string[], refs: Map<string, string>): Dependency {
  const wanted = new Set(keys.flatMap((key) => refs.get(key) ?? []));
  return { ref, dependsOn: [...wanted].toSorted(compare) };
}

/** The format knows ids of SPDX, expressions of them, and names of anything else. */
function toLicense(license: string): License {
  if (PERMISSIVE.has(license)) return { license: { id: license } };
  try {
    parseExpression(license);
    return { expression: license };
  } catch {
    return { license: { name: license } };
  }
}

function purlOf({ name, version }: LockedPackage): string {
  return `pkg:npm/${name.replace("@", "%40")}@${encodeURIComponent(version)}`;
}

function hexOf(integrity: string): string {
  return Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
}

/** A UUID of version 8, which is made of whatever one likes: here of the content. */
function serialOf(content: string): string {
  const hex = new Bun.CryptoHasher("sha256").update(content).digest("hex");
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`];
  return `urn:uuid:${[...parts, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)].join("-")}`;
}

/** By code unit, so that every machine sorts alike. */
function compare(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

/** The bill of this repository. */
export async function readBom(epoch?: string): Promise<Bom> {
  const lockfile = await readLockfile(ROOT);
  const licensed = await readLicenses(ROOT, lockfile.packages);
  const licenses = new Map(licensed.map((one) => [one.package.key, one.license]));
  const { name, version, description } = manifest;
  const product = { name, version, description, license: licenseOf(manifest) ?? "" };
  const madeAt = epoch === undefined || epoch === "" ? {} : { madeAt: Number(epoch) };
  return createBom({ lockfile, licenses, product, ...madeAt });
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: "string" } } });
  const { DATA_DIR = ".data", SOURCE_DATE_EPOCH } = process.env;
  const out = values.out ?? join(DATA_DIR, "sbom.json");
  const bom = await readBom(SOURCE_DATE_EPOCH);
  const text = `${JSON.stringify(bom, null, 2)}\n`;
  await Bun.write(out === "-" ? Bun.stdout : out, text);
  if (out !== "-") console.log(`${bom.components.length} components in ${out}`);
}
