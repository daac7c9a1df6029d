import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { dependencies, devDependencies, optionalDependencies } from "../../package.json";
import { readLockfile } from "../../scripts/lockfile.ts";
import { type Bom, readBom } from "../../scripts/sbom.ts";

const ROOT = join(import.meta.dir, "../..");
const HASH = Buffer.alloc(64, 7);
const INTEGRITY = `sha512-${HASH.toString("base64")}`;

const dir = await mkdtemp(join(tmpdir(), "frm-sbom-"));
afterAll(() => rm(dir, { recursive: true, force: true }));

/** A folder with a lock file of these packages, each as what it wants. */
async function lockOf(workspace: object, packages: Record<string, unknown[]>): Promise<string> {
  const root = await mkdtemp(join(dir, "lock-"));
  await Bun.write(
    join(root, "bun.lock"),
    JSON.stringify({ workspaces: { "": workspace }, packages }),
  );
  return root;
}

function entry(ident: string, wants: object = {}): unknown[] {
  return [ident, "", wants, INTEGRITY];
}

test("a package gets the nearest version, and is needed by whatever needs it most", async () => {
  const root = await lockOf(
    {
      name: "p",
      dependencies: { a: "1" },
      devDependencies: { "@s/tool": "1" },
      optionalDependencies: { native: "1" },
    },
    {
      a: entry("a@1.0.0", {
        dependencies: { b: "2" },
        peerDependencies: { peer: "*", tool2: "*" },
        optionalPeers: ["tool2"],
        optionalDependencies: { extra: "1" },
      }),
      "a/b": entry("b@2.0.0"),
      b: entry("b@1.0.0"),
      extra: entry("extra@1.0.0"),
      native: entry("native@1.0.0", { os: "linux", dependencies: { b: "1" } }),
      peer: entry("peer@1.0.0"),
      "@s/tool": entry("@s/tool@1.0.0", { dependencies: { b: "1", tool2: "1" } }),
      "@s/tool/tool2": entry("tool2@3.0.0"),
      tool2: entry("tool2@1.0.0"),
    },
  );
  const { direct, packages } = await readLockfile(root);
  const told = packages.map(({ key, scope, dependencies: keys }) => [key, scope, keys.join()]);
  expect(direct).toEqual(["a", "native", "@s/tool"]);
  expect(told).toEqual([
    ["a", "required", "a/b,peer,extra"],
    ["a/b", "required", ""],
    ["b", "optional", ""],
    ["extra", "optional", ""],
    ["native", "optional", "b"],
    ["peer", "required", ""],
    ["@s/tool", "excluded", "b,@s/tool/tool2"],
    ["@s/tool/tool2", "excluded", ""],
    ["tool2", "excluded", ""],
  ]);
  const nested = packages.find(({ key }) => key === "@s/tool/tool2");
  expect(nested?.folder).toBe("node_modules/@s/tool/node_modules/tool2");
  expect(packages.filter(({ forOnePlatform }) => forOnePlatform)).toHaveLength(1);
});

test("a package that no registry vouches for is refused", async () => {
  for (const [name, odd] of Object.entries({
    git: ["a@github:x/y#abc", {}, "x-y-abc"],
    weak: ["a@1.0.0", "", {}, "sha1-abc"],
  }))
    expect([name, await readLockfile(await lockOf({}, { a: odd })).catch(String)]).toEqual([
      name,
      `Error: Cannot read the lock file at "a": the entry has no integrity`,
    ]);
});

test("the bill lists every locked package with its hash, and how they hang together", async () => {
  const [bom, { packages }] = [await readBom(), await readLockfile(ROOT)];
  expect(bom).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6", version: 1 });
  expect(bom.serialNumber).toMatch(/^urn:uuid:[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/);

  const byName = new Map(bom.components.map((one) => [`${nameOf(one)}@${one.version}`, one]));
  expect(byName.size).toBe(bom.components.length);
  const missing = packages.filter(({ name, version, integrity }) => {
    const [hash] = byName.get(`${name}@${version}`)?.hashes ?? [];
    const digest = Buffer.from(hash?.content ?? "", "hex").toString("base64");
    return hash?.alg !== "SHA-512" || digest !== integrity.slice("sha512-".length);
  });
  expect(missing.map(({ key }) => key)).toEqual([]);

  const refs = new Set(["frm-ai@0.1.0", ...bom.components.map((one) => one["bom-ref"])]);
  expect(bom.dependencies.map(({ ref }) => ref).filter((ref) => !refs.delete(ref))).toEqual([]);
  expect([...refs]).toEqual([]);
  const known = new Set(bom.components.map((one) => one["bom-ref"]));
  expect(
    bom.dependencies.flatMap(({ dependsOn }) => dependsOn.filter((to) => !known.has(to))),
  ).toEqual([]);
});

test("what the product needs is told from what only its developers need", async () => {
  const bom = await readBom();
  const scopes = new Map(bom.components.map((one) => [nameOf(one), one.scope]));
  for (const name of Object.keys(dependencies))
    expect([name, scopes.get(name)]).toEqual([name, "required"]);
  for (const name of Object.keys(optionalDependencies))
    expect([name, scopes.get(name)]).toEqual([name, "optional"]);
  expect(scopes.get("typescript")).toBe("excluded");
  const direct = bom.dependencies.find(({ ref }) => ref.startsWith("frm-ai@"))?.dependsOn;
  const asked = { ...dependencies, ...devDependencies, ...optionalDependencies };
  expect(direct).toHaveLength(Object.keys(asked).length);
  const elysia = bom.dependencies.find(({ ref }) => ref.startsWith("pkg:npm/elysia@"));
  expect(elysia?.dependsOn.join()).toContain("pkg:npm/%40sinclair/typebox@");
});

test("the same lock file gives the same bytes, without a time, a host or a path of this machine", async () => {
  const text = JSON.stringify(await readBom());
  expect(JSON.stringify(await readBom())).toBe(text);
  expect(text).not.toMatch(/https?:|registry|timestamp/);
  expect(text).not.toContain(ROOT);
  const dated = await readBom("1700000000");
  expect(dated.metadata["timestamp"]).toBe("2023-11-14T22:13:20.000Z");
  expect(dated.serialNumber).not.toBe((await readBom()).serialNumber);
});

test("the command writes into DATA_DIR, where it is told to, or to stdout", async () => {
  const run = async (...args: string[]) => {
    const child = Bun.spawn([process.execPath, "scripts/sbom.ts", ...args], {
      cwd: ROOT,
      env: { DATA_DIR: dir },
      stdout: "pipe",
    });
    return await child.stdout.text();
  };
  const printed = await run("--out", "-");
  expect((JSON.parse(printed) as Bom).bomFormat).toBe("CycloneDX");
  expect(await run()).toContain("components in");
  expect(await Bun.file(join(dir, "sbom.json")).text()).toBe(printed);
  await run("--out", join(dir, "other.json"));
  expect(await Bun.file(join(dir, "other.json")).text()).toBe(printed);
});

function nameOf({ group, name }: Bom["components"][number]): string {
  return group === undefined ? name : `${group}/${name}`;
}
