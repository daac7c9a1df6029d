import { posix } from "node:path";

import type { Finding, SourceFile } from "./source.ts";
import { lineAt, viewsOf } from "./source.ts";

/** One import or re-export of a file. */
export interface Import {
  specifier: string;
  line: number;
  /** Erased by the compiler: `import type` or `export type`. */
  typeOnly: boolean;
  dynamic: boolean;
  /** What the braces name; empty for everything else. */
  names: string[];
}

const STATIC_IMPORT =
  /\b(?:import|export)\s+(?:(type)\s+(?=[\w$*{]))?([\w$*{},\s]*?)\bfrom\s*(["'])|\bimport\s*(["'])/g;
const DYNAMIC_IMPORT = /(?<![.\w$])(?:import|require)\s*\(\s*(["'`]?)/g;

/** Reads imports from the text, because Bun's own scan leaves out those that are only types. */
export function listImports(source: string): Import[] {
  const { code } = viewsOf(source);
  const found: Import[] = [];
  for (const match of code.matchAll(STATIC_IMPORT)) {
    const [text, type, clause = "", quote = match[4] ?? ""] = match;
    const from = match.index + text.length;
    const specifier = source.slice(from, source.indexOf(quote, from));
    const names = namesIn(clause);
    found.push({ specifier, line: lineAt(source, from), typeOnly: !!type, dynamic: false, names });
  }
  for (const { 0: text, 1: quote = "", index } of code.matchAll(DYNAMIC_IMPORT)) {
    const from = index + text.length;
    const specifier = quote === "" ? "" : source.slice(from, source.indexOf(quote, from));
    const line = lineAt(source, index);
    found.push({ specifier, line, typeOnly: false, dynamic: true, names: [] });
  }
  return found.sort((a, b) => a.line - b.line);
}

function namesIn(clause: string): string[] {
  const inner = /\{([\s\S]*)\}/.exec(clause)?.[1] ?? "";
  const outer = clause
    .replace(/\{[\s\S]*\}/, "")
    .replace(",", "")
    .trim();
  const named = inner.split(",").map((name) => name.trim().split(/\s+as\s+/)[0] ?? "");
  return [outer, ...named].filter((name) => name !== "");
}

/** Names every import that closes a circle, with the whole circle. */
export function checkCycles(files: SourceFile[], paths: Set<string>): Finding[] {
  const edges = new Map(
    files.map(({ path, source }) => [
      path,
      listImports(source)
        .filter(({ specifier }) => specifier.startsWith("."))
        .map(({ specifier, line }) => ({ to: resolveImport(path, specifier), line }))
        .filter(({ to }) => paths.has(to)),
    ]),
  );
  const done = new Set<string>();
  const findings: Finding[] = [];
  function visit(path: string, trail: string[]): void {
    for (const { to, line } of edges.get(path) ?? []) {
      const start = trail.indexOf(to);
      if (start !== -1) {
        const what = `import cycle ${[...trail.slice(start), to].join(" → ")}`;
        findings.push({ path, line, what, instead: "a leaf that both may import" });
      } else if (!done.has(to)) visit(to, [...trail, to]);
    }
    done.add(path);
  }
  for (const { path } of files) if (!done.has(path)) visit(path, [path]);
  return findings;
}

/** The path, from the root of the repository, that a relative import means. */
export function resolveImport(path: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(path), specifier));
}
