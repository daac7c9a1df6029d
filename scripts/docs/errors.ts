import { join } from "node:path";

import { type ErrorKind, listErrors } from "../../src/platform/errors.ts";
import { code, table } from "./tables.ts";

const ROOT = join(import.meta.dir, "../..");
const DECLARATION = /\bdefineError\(\s*"(\w+)"/g;
const STATUS_NAMES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  410: "Gone",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  428: "Precondition Required",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** The catalogue of errors, each under the part of the product that declares it. */
export async function errorTables(): Promise<string> {
  const places = await findDeclarations();
  const kinds = listErrors().filter(({ code: name }) => places.has(name));
  for (const name of places.keys()) {
    if (!kinds.some((kind) => kind.code === name))
      throw new Error(`Cannot list the error "${name}": ${places.get(name)} does not declare it`);
  }
  const byStatus = Map.groupBy(kinds.toSorted(inOrder), ({ status }) => status);
  return [...byStatus]
    .map(([status, group]) => {
      const rows = group.map(({ code: name, title }) => [
        code(name),
        title.en,
        title.vi,
        partOf(places.get(name) ?? ""),
      ]);
      const heading = `## ${status} ${STATUS_NAMES[status] ?? ""}`.trimEnd();
      return `${heading}\n\n${table(["code", "English", "Vietnamese", "declared by"], rows)}`;
    })
    .join("\n\n");
}

/** Imports every file that declares an error, and answers which file declares which code. */
async function findDeclarations(): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  for await (const path of new Bun.Glob("src/**/*.ts").scan({ cwd: ROOT })) {
    const source = await Bun.file(join(ROOT, path)).text();
    const codes = [...source.matchAll(DECLARATION)].map((match) => match[1] ?? "");
    if (codes.length === 0) continue;
    // Each import runs the declarations, and a code that is taken already stops it.
    await import(join(ROOT, path));
    for (const name of codes) places.set(name, path);
  }
  return places;
}

function partOf(path: string): string {
  return /^src\/features\/([^/]+)\//.exec(path)?.[1] ?? "platform";
}

function inOrder(one: ErrorKind, other: ErrorKind): number {
  return one.status - other.status || (one.code < other.code ? -1 : 1);
}
