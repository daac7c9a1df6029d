import type { SourceFile } from "./source.ts";
import { viewsOf } from "./source.ts";

const IMPORT_OR_EXPORT = /^(?:import|export)\s[^;]*?\sfrom\s[^;]*;/gm;
const TOP_LEVEL = /^(?:export )?(?:async )?function (\w+)/gm;

/**
 * Where a function is used, as `path › function`, so that nothing hides behind an alias or a door: renaming it at an
 * import, and handing it on to other features, are uses too.
 */
export function listUsers(files: SourceFile[], name: string): string[] {
  const used = new RegExp(`(?<![.\\w$])(?<!function )${name}\\b(?!\\s*:)`, "g");
  const naming = files.filter(({ source }) => source.includes(name));
  const found = naming.flatMap(({ path, source }) => {
    const { code } = viewsOf(source);
    const handedOn = [...code.matchAll(IMPORT_OR_EXPORT)].filter(([statement]) =>
      new RegExp(`\\b${name} as\\b|^export .*\\b${name}\\b`, "s").test(statement),
    );
    const body = code.replace(IMPORT_OR_EXPORT, (statement) => " ".repeat(statement.length));
    return [
      ...handedOn.map(() => `${path} › import or export`),
      ...[...body.matchAll(used)].map(({ index }) => `${path} › ${functionAt(body, index)}`),
    ];
  });
  return [...new Set(found)].toSorted();
}

/** The text of a function of a file, from its name to the next one. */
export function bodyOf({ source }: SourceFile, name: string): string {
  const { code } = viewsOf(source);
  const starts = [...code.matchAll(TOP_LEVEL)];
  const at = starts.findIndex((match) => match[1] === name);
  return at === -1 ? "" : code.slice(starts[at]?.index, starts[at + 1]?.index);
}

function functionAt(code: string, offset: number): string {
  const before = [...code.matchAll(TOP_LEVEL)].filter(({ index }) => index < offset);
  return before.at(-1)?.[1] ?? "module";
}
