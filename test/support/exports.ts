import type { Finding, SourceFile } from "./source.ts";
import { lineAt, viewsOf } from "./source.ts";

/** One exported name of a file. */
interface Export {
  name: string;
  line: number;
  isType: boolean;
}

const DECLARED =
  /\bexport\s+(?:declare\s+)?(?:(type|interface)\s+|(?:abstract\s+)?class\s+|(?:async\s+)?function\s*\*?\s*|const\s+enum\s+|enum\s+|const\s+|let\s+)([\w$]+)/g;
const LISTED = /\bexport\s+(type\s+)?\{([^}]*)\}/g;
const CHECKED = /^src\/.*\.tsx?$/;
/** Drizzle-kit reads every export of a tables file; the client's exports and the app's type are for other repositories. */
const READ_FROM_OUTSIDE = /(?:^|\/)tables(?:\/\w+)?\.ts$|^src\/client\/|^src\/app\.ts$/;

/**
 * Names every export of src that no other file mentions. A type may also be used by its own file alone: it is then
 * part of what the file's functions take or return.
 */
export function checkExports(files: SourceFile[]): Finding[] {
  const code = files.filter(({ path }) => /\.tsx?$/.test(path));
  const views = new Map(code.map(({ path, source }) => [path, viewsOf(source).code]));
  const mentions = new Map<string, Set<string>>();
  for (const [path, text] of views) {
    for (const word of new Set(text.match(/[\w$]+/g))) {
      const paths = mentions.get(word) ?? new Set();
      mentions.set(word, paths.add(path));
    }
  }
  return code
    .filter(({ path }) => CHECKED.test(path) && !READ_FROM_OUTSIDE.test(path))
    .flatMap(({ path }) => {
      const text = views.get(path) ?? "";
      return listExports(text)
        .filter(({ name }) => (mentions.get(name)?.size ?? 0) < 2)
        .filter(({ name, isType }) => !(isType && countWord(text, name) > 1))
        .map(({ name, line }) => ({
          path,
          line,
          what: `exports "${name}", which nothing else uses`,
          instead: "it somewhere, drop the export, or delete it",
        }));
    });
}

function listExports(text: string): Export[] {
  const declared = [...text.matchAll(DECLARED)].map((match) => ({
    name: match[2] ?? "",
    line: lineAt(text, match.index),
    isType: match[1] !== undefined,
  }));
  const listed = [...text.matchAll(LISTED)].flatMap((match) =>
    (match[2] ?? "")
      .split(",")
      .map((name) =>
        (
          name
            .trim()
            .split(/\s+as\s+/)
            .at(-1) ?? ""
        ).replace(/^type\s+/, ""),
      )
      .filter((name) => name !== "")
      .map((name) => ({ name, line: lineAt(text, match.index), isType: false })),
  );
  return [...declared, ...listed];
}

function countWord(text: string, word: string): number {
  return text.match(/[\w$]+/g)?.filter((found) => found === word).length ?? 0;
}
