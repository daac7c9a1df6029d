/**
 * Builds src/client as an npm package, `@frm-ai/client`, in DATA_DIR/client: JavaScript for browsers and servers, and
 * declarations in which the types of the server are written out, so that they need nothing of this repository.
 */
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";

import { dependencies, license, version } from "../package.json";
import { type CheckedTypes, checkPackage } from "./client/check.ts";
import { emitDeclarations } from "./client/declarations.ts";

const ROOT = join(import.meta.dir, "..");
const CLIENT = join(ROOT, "src/client");
/** What may be imported, by the name of its source. The check of tokens stands apart, so that it brings nothing else. */
const ENTRIES = { ".": "mod", "./access-token": "access_token" };
const EDEN = "@elysiajs/eden";

interface BuiltClient {
  folder: string;
  /** The modules by file name. */
  javascript: Record<string, string>;
  /** Declarations by file name. */
  declarations: Record<string, string>;
  types: CheckedTypes;
}

/** Builds the package into a folder, which is replaced. @throws when it does not type-check by itself. */
export async function buildClient(folder: string): Promise<BuiltClient> {
  // Below node_modules, so that the packages that it imports are found while it is being checked.
  const cache = join(ROOT, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, "client-"));
  try {
    const staged = join(work, "package");
    const [javascript, declarations] = await Promise.all([
      bundle(),
      emitDeclarations(ROOT, { work: join(work, "emit"), entries: Object.values(ENTRIES) }),
    ]);
    const files = {
      ...declarations,
      ...javascript,
      "package.json": `${JSON.stringify(manifest(), undefined, 2)}\n`,
    };
    for (const [name, text] of Object.entries(files)) await Bun.write(join(staged, name), text);
    const types = await checkPackage(staged, join(work, "check"));
    await rm(folder, { recursive: true, force: true });
    await mkdir(join(folder, ".."), { recursive: true });
    await move(staged, folder);
    return { folder, javascript, declarations, types };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** One module for each entry, by default not minified: whoever bundles it does that, and leaves out what is not used. */
async function bundle(minify = false): Promise<Record<string, string>> {
  const { outputs } = await Bun.build({
    entrypoints: Object.values(ENTRIES).map((name) => join(CLIENT, `${name}.ts`)),
    target: "browser",
    format: "esm",
    packages: "external",
    minify,
  });
  const texts = outputs.map(
    async (output) => [basename(output.path), await output.text()] as const,
  );
  return Object.fromEntries(await Promise.all(texts));
}

function manifest(): object {
  return {
    name: "@frm-ai/client",
    version,
    description: "Typed HTTP and socket client of FRM-AI, for browsers, Next.js and Bun.",
    license,
    type: "module",
    sideEffects: false,
    exports: {
      ...Object.fromEntries(
        Object.entries(ENTRIES).map(([path, name]) => [
          path,
          { types: `./${name}.d.ts`, default: `./${name}.js` },
        ]),
      ),
      "./package.json": "./package.json",
    },
    main: "./mod.js",
    types: "./mod.d.ts",
    // Eden is what runs; its types, and so ours, are written in those of Elysia, of which nothing is loaded.
    dependencies: { [EDEN]: dependencies[EDEN], elysia: dependencies.elysia },
  };
}

/** A folder cannot be renamed onto another file system. */
async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch {
    const names = await Array.fromAsync(new Bun.Glob("*").scan({ cwd: from }));
    for (const name of names) await Bun.write(join(to, name), Bun.file(join(from, name)));
  }
}

function kilobytes(text: string | Uint8Array): string {
  const bytes = typeof text === "string" ? Buffer.byteLength(text) : text.byteLength;
  return `${(bytes / 1_000).toFixed(1)} kB`;
}

if (import.meta.main) {
  const folder = join(Bun.env["DATA_DIR"] || ".data", "client");
  const { javascript, declarations, types } = await buildClient(folder);
  const small = await bundle(true);
  const declared = Object.values(declarations).join("");
  console.log(`built ${folder}`);
  for (const [name, text] of Object.entries(javascript)) {
    console.log(`${name.padEnd(18)} ${kilobytes(text)}, gzip ${kilobytes(Bun.gzipSync(text))}`);
    const bare = small[name] ?? "";
    console.log(`  minified         ${kilobytes(bare)}, gzip ${kilobytes(Bun.gzipSync(bare))}`);
  }
  console.log(
    `declarations       ${kilobytes(declared)} in ${Object.keys(declarations).length} files`,
  );
  console.log(
    `type check         ${types.ms.toFixed(0)} ms for a small consumer, Elysia's types included`,
  );
}
