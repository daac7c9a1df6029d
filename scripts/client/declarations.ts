import { mkdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

import { compile } from "./compiler.ts";

const CLIENT = "src/client";
/** The one file whose types come from the server. */
const CONTRACT = "contract";
const IMPORTED = /(?<=\bfrom ")(\.\.?\/[\w/]+)\.ts(?=")/g;
const EXPORTED_TYPE = /^export (?:type|interface) (\w+)/gm;
/** How the emitted text spells a problem; the name is shorter to read, and to check. */
const PROBLEM =
  /\{ type: string; title: string; status: number; code: ((?:"\w+"(?: \| )?)+); detail: string; instance: string; requestId: string; errors\?: \{ pointer: string; code: string; message: string; \}\[\]; \}/g;

/**
 * The declarations of the client by file name. The compiler writes out the type of each constant of a probe in full,
 * and those texts take the place of the types that the client has from the server.
 */
export async function emitDeclarations(
  root: string,
  { work, entries }: { work: string; entries: string[] },
): Promise<Record<string, string>> {
  await mkdir(work, { recursive: true });
  const contract = join(root, CLIENT, `${CONTRACT}.ts`);
  const names = listNames(await Bun.file(contract).text());
  await Bun.write(join(work, "probe.ts"), probe(relative(work, contract), names));
  // The server itself is checked by the gate; here only what comes out of it counts.
  await compile(work, {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      outDir: "out",
      rootDir: root,
    },
    include: [],
    files: ["probe.ts", ...entries.map((name) => join(root, CLIENT, `${name}.ts`))],
  });
  const out = join(work, "out");
  const written = await Bun.file(join(out, relative(root, work), "probe.d.ts")).text();
  const known = { [`${CONTRACT}.d.ts`]: writeContract(written, names) };
  const declarations = await collect(join(out, CLIENT), { entries, known });
  refuseLeaks(declarations);
  return declarations;
}

function listNames(source: string): string[] {
  const names = [...source.matchAll(EXPORTED_TYPE)].map(([, name = ""]) => name);
  if (names.length === 0) throw new Error("Cannot emit the client: its contract exports no type");
  return names;
}

function probe(contract: string, names: string[]): string {
  return [
    `import type * as contract from ${JSON.stringify(contract)};`,
    // The compiler writes one mapped type into itself ten times and no more, so three take turns.
    ...["Plain", "Plainer", "Plainest"].map(
      (name, at, names) =>
        `type ${name}<T> = T extends object ? (T extends infer O ? { [K in keyof O]: ${names[(at + 1) % names.length]}<O[K]> } : never) : T;`,
    ),
    "declare function plain<T>(): Plain<T>;",
    ...names.map((name) => `export const ${name} = plain<contract.${name}>();`),
  ].join("\n");
}

/** Turns the constants of the probe back into types. */
function writeContract(written: string, names: string[]): string {
  const text = written.replace(/\s+/g, " ");
  const types = names.map((name) => {
    const [, type] =
      new RegExp(`export declare const ${name}: (.*?);(?= export |$| *$)`).exec(text) ?? [];
    if (type === undefined) throw new Error(`Cannot emit the type "${name}": it was not written`);
    return `export type ${name} = ${indent(type.replace(PROBLEM, "Problem<$1>"))};\n`;
  });
  const problem = "type Problem<Code extends string> = ProblemFields & { code: Code };\n";
  return `${problem}${types.join("")}`;
}

/** Breaks the one line of a type into many, for people who look it up. */
function indent(type: string): string {
  let depth = 0;
  return type.replace(/\{\}|\{ |; \}|; /g, (mark) => {
    if (mark === "{}") return mark;
    if (mark === "{ ") depth += 1;
    if (mark === "; }") depth -= 1;
    return `${mark.trimEnd().replace(" }", "")}\n${"  ".repeat(depth)}${mark === "; }" ? "}" : ""}`;
  });
}

/** The entries and all that they import. */
async function collect(
  folder: string,
  { entries, known }: { entries: string[]; known: Record<string, string> },
): Promise<Record<string, string>> {
  const declarations: Record<string, string> = {};
  const waiting = entries.map((name) => `${name}.d.ts`);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (declarations[name] !== undefined) continue;
    const text = known[name] ?? (await Bun.file(join(folder, name)).text());
    waiting.push(
      ...[...text.matchAll(IMPORTED)].map(([, path = ""]) => `${join(dirname(name), path)}.d.ts`),
    );
    declarations[name] = text.replace(IMPORTED, "$1.js");
  }
  return declarations;
}

const MAY_IMPORT = /^(?:elysia|@elysiajs\/eden(?:\/\w+)?)$/;
const OWN = /^\.\.?\/[\w/]+\.js$/;

/** An import from elsewhere, or a type that the compiler has given up on, would reach every consumer. @throws then */
export function refuseLeaks(declarations: Record<string, string>): void {
  for (const [name, text] of Object.entries(declarations)) {
    const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
    for (const [, path = ""] of code.matchAll(/(?:\bfrom |\bimport\()"([^"]+)"/g))
      if (!MAY_IMPORT.test(path) && !isOwn(name, path))
        throw new Error(`Cannot emit "${name}": it imports "${path}"`);
    if (/[:<|&=,(] ?any\b/.test(code))
      throw new Error(`Cannot emit "${name}": it has the type any`);
  }
}

/** Whether a path leads from one declaration to another one of the package. */
function isOwn(name: string, path: string): boolean {
  return OWN.test(path) && !join(dirname(name), path).startsWith("..");
}
