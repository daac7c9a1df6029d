import type { Finding, SourceFile } from "./source.ts";
import { lineAt, viewsOf } from "./source.ts";

/** What may not be written, where, and what to write instead. */
interface Ban {
  /** Found in the code, in the comments, or anywhere in the text. */
  view: "code" | "comments" | "text";
  pattern: RegExp;
  files: RegExp;
  except?: RegExp;
  what: string;
  instead: string;
}

const MAX_LINES = 300;
const SIZED = /^(?:src|test|scripts|drizzle)\/.*\.(?:tsx?|css|html)$/;
const TYPESCRIPT = /\.tsx?$/;
const SRC = /^src\/.*\.tsx?$/;
const TESTS = /^test\/.*\.tsx?$/;
/** Text that a person wrote, but neither TypeScript nor prose. */
const SCRIPTS = /^(?:\.ci\/|\.github\/.*\.yml$|scripts\/(?!.*\.(?:tsx?|md)$)|drizzle\/[^/]*\.sql$)/;
const TOP_LEVEL =
  /^(?:\..+|src|drizzle|scripts|test|package\.json|bunfig\.toml|tsconfig\.json|bun\.lock|README\.md|LICENSE)$/;
const VAGUE_NAME =
  /(?:^|\/)(?:utils?|helpers?|types?|index|common|misc|shared|constants)\.(?:ts|tsx|js|mjs)$/;

export const BANS: Ban[] = [
  {
    view: "code",
    pattern: /\bnew Date\(\s*\)|\bDate\.now\(/g,
    files: /^src\/features\//,
    what: "reads the clock of the machine",
    instead: "platform.now(), which tests control",
  },
  {
    view: "code",
    pattern: /\bMath\.random\b/g,
    files: SRC,
    what: "random numbers that can be guessed",
    instead: "crypto.getRandomValues or Bun.randomUUIDv7",
  },
  {
    view: "code",
    pattern: /(?<![.\w$])console\b/g,
    files: SRC,
    what: "prints past the log",
    instead: "the log of the platform",
  },
  {
    view: "code",
    pattern: /(?:[:<|&,]|\bas|\bextends)\s*any\b(?!\s*[:(])/g,
    files: SRC,
    what: "the type any",
    instead: "unknown and a check, or the real type",
  },
  {
    view: "comments",
    pattern: /@ts-(?:ignore|expect-error|nocheck)\b/g,
    files: SRC,
    what: "silences the compiler",
    instead: "a type that is true",
  },
  {
    view: "comments",
    pattern: /\b(?:oxlint|eslint|prettier)-(?:disable|ignore)/g,
    files: TYPESCRIPT,
    what: "silences a rule",
    instead: "code that keeps it, or change the rule for everybody",
  },
  {
    view: "comments",
    pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/g,
    files: TYPESCRIPT,
    what: "a leftover",
    instead: "an issue, or do it now",
  },
  {
    view: "text",
    pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/g,
    files: SCRIPTS,
    what: "a leftover",
    instead: "an issue, or do it now",
  },
  {
    view: "code",
    pattern:
      /\b(?:test|it|describe)(?:\.\w+)*\.(?:only|skip|todo|failing)\b|\bx(?:test|it|describe)\(/g,
    files: TESTS,
    what: "a test that does not count",
    instead: "a test that runs, or delete it",
  },
  {
    view: "code",
    pattern: /\bsleep(?:Sync)?\s*\(|\bsetTimeout\(\s*(?:resolve|done|res|r|ok)\b/g,
    files: TESTS,
    except: /^test\/support\//,
    what: "waits for time to pass",
    instead: "a signal, or a bounded poll of test/support",
  },
  {
    // Bun types it as void, so no lint rule knows that it is to be awaited, and one forbids to.
    view: "code",
    pattern: /\)\s*\.(?:rejects|resolves)\b/g,
    files: TESTS,
    what: "an expectation that nobody awaits",
    instead: "await work.catch((error: unknown) => error), then expect",
  },
  {
    view: "code",
    pattern: /\bsql\.(?:raw|unsafe)\b|\.unsafe\(/g,
    files: SRC,
    except: /^src\/platform\//,
    what: "SQL from a string",
    instead: "drizzle or the sql`` template",
  },
  {
    view: "text",
    pattern: /(?<![\w.:/~-])(?:\/(?:home|Users|root|work|workspace)\/|[A-Z]:\\Users\\)[\w.-]+/g,
    files: /^(?!LICENSE$)/,
    what: "a path of one machine",
    instead: "a path below the repository or DATA_DIR",
  },
  {
    view: "text",
    pattern: /https?:\/\//g,
    files: /^bun\.lock$/,
    what: "the address of one registry",
    instead: "bun install with the default registry, which leaves it out",
  },
];

/** Checks what a reader would otherwise have to say in every review. */
export function checkTidy(files: SourceFile[]): Finding[] {
  return [
    ...files.flatMap(checkSize),
    ...files.flatMap(checkName),
    ...files.flatMap(checkBans),
    ...files.flatMap(checkSleepers),
  ];
}

function checkSize({ path, source }: SourceFile): Finding[] {
  const lines = source.split("\n").length - (source.endsWith("\n") ? 1 : 0);
  if (!SIZED.test(path) || lines <= MAX_LINES) return [];
  const what = `${lines} lines, of at most ${MAX_LINES}`;
  return [{ path, line: MAX_LINES + 1, what, instead: "one file a noun, inside the same folder" }];
}

function checkName({ path }: SourceFile): Finding[] {
  const [top = ""] = path.split("/");
  const findings: Finding[] = [];
  if (!TOP_LEVEL.test(top)) {
    const instead = "src, drizzle, scripts, test or .github";
    findings.push({ path, line: 1, what: `"${top}" is not part of the fixed top level`, instead });
  }
  if (VAGUE_NAME.test(path)) {
    findings.push({
      path,
      line: 1,
      what: "a name that says nothing",
      instead: "the noun that it is about",
    });
  }
  return findings;
}

function checkBans({ path, source }: SourceFile): Finding[] {
  const bans = BANS.filter(({ files, except }) => files.test(path) && !except?.test(path));
  if (bans.length === 0) return [];
  const views = TYPESCRIPT.test(path) ? viewsOf(source) : { code: source, comments: source };
  return bans.flatMap(({ view, pattern, what, instead }) => {
    const text = view === "text" ? source : views[view];
    return [...text.matchAll(pattern)].map(({ index }) => ({
      path,
      line: lineAt(source, index),
      what,
      instead,
    }));
  });
}

/** Support may sleep between two looks at something, if it also knows when to give up. */
function checkSleepers({ path, source }: SourceFile): Finding[] {
  if (!/^test\/support\/.*\.ts$/.test(path)) return [];
  const { code } = viewsOf(source);
  const index = code.search(/\bsleep(?:Sync)?\s*\(/);
  if (index === -1 || /deadline|timeoutMs|_TIMEOUT_MS|_LIMIT_MS/i.test(code)) return [];
  const instead = "a poll with a deadline or a timeoutMs";
  return [{ path, line: lineAt(source, index), what: "a wait without an end", instead }];
}
