import type { Finding, SourceFile } from "./source.ts";
import { viewsOf } from "./source.ts";

/** A part of src that some test has to stand for. */
interface Debt {
  /** `features/chat`, `platform/queue` or `platform/embedded`. */
  part: string;
  path: string;
  instead: string;
}

const TEST = /^test\/.*\.test\.tsx?$/;
const IMPORT_FROM_SRC = /["'](?:\.\.\/)+src\/((?:platform|features)\/[\w/]+)\.ts["']/g;

/**
 * Every feature and every part of platform that does something has a test: its namesake, one in the folder of its
 * name, or one that imports it. `database_pool` is a part of the noun `database` and may be tested through it.
 * @param excused the path of each part that needs no test, and why.
 */
export function checkMirror(files: SourceFile[], excused: Record<string, string>): Finding[] {
  const tests = files.filter(({ path }) => TEST.test(path));
  const tested = new Set(tests.flatMap(listTestedParts));
  const debts = new Map(files.flatMap(listDebts).map((debt) => [debt.part, debt]));
  const open = [...debts.values()].filter(({ part }) => !isTested(part, tested));
  return [
    ...open
      .filter(({ path }) => !Object.hasOwn(excused, path))
      .map(({ path, instead }) => ({ path, line: 1, what: "no test stands for it", instead })),
    ...Object.keys(excused)
      .filter((path) => !open.some((debt) => debt.path === path))
      .map((path) => ({
        path,
        line: 1,
        what: "excused, but gone or tested",
        instead: "no excuse",
      })),
    ...tests.flatMap(({ path }) => refuseStale(path, debts)),
  ];
}

function listDebts({ path, source }: SourceFile): Debt[] {
  const [root, top, name = "", ...rest] = path.replace(/\.ts$/, "").split("/");
  if (root !== "src" || !path.endsWith(".ts")) return [];
  if (top !== "features" && top !== "platform") return [];
  const part = `${top}/${name}`;
  if (top === "features") return [{ part, path: `src/${part}`, instead: `test/${part}/*.test.ts` }];
  if (!/\bexport (?:async )?function\b/.test(viewsOf(source).code)) return [];
  const place = rest.length > 0 ? `src/${part}` : path;
  return [{ part, path: place, instead: `test/${part}.test.ts, or a test that imports it` }];
}

function listTestedParts({ path, source }: SourceFile): string[] {
  const own = path.replace(/^test\//, "").replace(/\.test\.tsx?$/, "");
  const imported = [...source.matchAll(IMPORT_FROM_SRC)].map((match) => match[1] ?? "");
  const parts = imported.filter((part) => part.startsWith("platform/"));
  return [own, ...parts].map((part) => part.split("/").slice(0, 2).join("/"));
}

function isTested(part: string, tested: Set<string>): boolean {
  const [top = "", name = ""] = part.split("/");
  const words = name.split("_");
  return words.some((_, index) => tested.has(`${top}/${words.slice(0, index + 1).join("_")}`));
}

function refuseStale(path: string, debts: Map<string, Debt>): Finding[] {
  const feature = /^test\/(features\/[^/]+)\//.exec(path)?.[1];
  if (feature === undefined || debts.has(feature)) return [];
  return [{ path, line: 1, what: "tests a feature that is gone", instead: "its name in src" }];
}
