import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { compile, type TypeError } from "../../scripts/client/compiler.ts";
import { findApp } from "./app.ts";

const ROOT = join(import.meta.dir, "..", "..");
const CLIENT = "@frm-ai/client";
const BUILD_LIMIT_MS = 60_000;

let work: string;

beforeAll(async () => {
  work = await mkdtemp(join(process.env["TEST_BROWSER_DIR"] ?? tmpdir(), "types-"));
});
afterAll(() => rm(work, { recursive: true, force: true }));

test(
  "the app type-checks against the product as it is",
  async () => {
    expect(await checkApp(await buildClient("as-it-is"))).toEqual([]);
  },
  2 * BUILD_LIMIT_MS,
);

test(
  "a field of an answer that gets another name breaks the app's type check where it is used, and nowhere else",
  async () => {
    const client = await buildClient("renamed", (source) =>
      source.replace(/\bdisplayName\b/g, "fullName"),
    );
    const errors = await checkApp(client);
    const used = await findUses("displayName");
    expect(used.length).toBeGreaterThan(0);
    expect([...new Set(errors.map(({ path, line }) => `${path}:${line}`))].sort()).toEqual(used);
    for (const { message } of errors) expect(message).toContain("'displayName' does not exist");
  },
  2 * BUILD_LIMIT_MS,
);

/** The client package as a product would emit it whose sources were changed throughout. */
async function buildClient(
  name: string,
  change: (source: string) => string = (source) => source,
): Promise<string> {
  const tree = join(work, name);
  for (const part of ["src", "scripts", "package.json", "tsconfig.json"]) {
    await cp(join(ROOT, part), join(tree, part), { recursive: true });
  }
  await symlink(join(ROOT, "node_modules"), join(tree, "node_modules"));
  for await (const path of new Bun.Glob("src/**/*.ts").scan({ cwd: tree, absolute: true })) {
    const source = await Bun.file(path).text();
    const changed = change(source);
    if (changed !== source) await Bun.write(path, changed);
  }
  const build = Bun.spawn([process.execPath, "scripts/client.ts"], {
    cwd: tree,
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", DATA_DIR: "out" },
    stdout: "ignore",
    stderr: "pipe",
    timeout: BUILD_LIMIT_MS,
  });
  const said = await build.stderr.text();
  if ((await build.exited) !== 0) throw new Error(`Cannot build the client "${name}": ${said}`);
  return join(tree, "out", "client");
}

/** Type-checks the built app, with the types of its routes, and with another client in the place of its own. */
async function checkApp(client: string): Promise<TypeError[]> {
  const { dir } = findApp("first");
  const copy = await mkdtemp(join(work, "app-"));
  const made = new Set(["node_modules", ".next"]);
  const sources = (await readdir(dir)).filter((name) => !made.has(name));
  for (const name of [...sources, join(".next", "types")]) {
    await cp(join(dir, name), join(copy, name), { recursive: true });
  }
  const [scope = ""] = CLIENT.split("/");
  await cp(client, join(copy, "node_modules", CLIENT), { recursive: true });
  for (const name of await readdir(join(dir, "node_modules"))) {
    if (name === scope) continue;
    await symlink(join(dir, "node_modules", name), join(copy, "node_modules", name));
  }
  const project = (await Bun.file(join(copy, "tsconfig.json")).json()) as object;
  return await compile(copy, project);
}

/** Where the app mentions a field, as the compiler would print it. */
async function findUses(field: string): Promise<string[]> {
  const { dir } = findApp("first");
  const found: string[] = [];
  for await (const path of new Bun.Glob("{app,browser,server}/**/*.{ts,tsx}").scan(dir)) {
    const lines = (await Bun.file(join(dir, path)).text()).split("\n");
    for (const [index, line] of lines.entries()) {
      if (line.includes(`.${field}`)) found.push(`${path}:${index + 1}`);
    }
  }
  return found.sort();
}
