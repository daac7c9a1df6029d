import { readdirSync } from "node:fs";

/** One file, as the checkers of this folder take it; `path` is relative to the repository. */
export interface SourceFile {
  path: string;
  source: string;
}

/** Something that is wrong, where it is, and what to do about it. */
export interface Finding {
  path: string;
  line: number;
  what: string;
  instead: string;
}

/** A source split in two texts of its own length, so that an offset means the same place in all three. */
export interface Views {
  /** Comments and the contents of strings, templates and regular expressions are blank. */
  code: string;
  /** Everything but comments is blank. */
  comments: string;
}

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:\\[\s\S]|[^"\\\n])*"?|'(?:\\[\s\S]|[^'\\\n])*'?|[\w$]+|\s+|[\s\S]/y;
const REGEXP = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
const TEMPLATE_REST = /(?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{|$)/y;
/** After these a slash divides; after anything else it opens a regular expression. */
const ENDS_A_VALUE = /^(?:[)\]}]|[\w$"'`].*)$/s;
const KEYWORD_BEFORE_REGEXP =
  /^(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield|instanceof)$/;

/** What .gitignore leaves out. */
const MADE_ON_THE_SPOT =
  /^(?:\.git|node_modules|\.next|next-env\.d\.ts|\.data|\.env(?!\.example$)(?:\..+)?|.*\.(?:log|tsbuildinfo))$/;

interface Token {
  kind: "code" | "comment" | "text";
  text: string;
}

/** Whether the innermost open brace belongs to a block or to a `${` of a template. */
type Brace = "block" | "template";

/** What every line of a report looks like. */
export function formatFinding({ path, line, what, instead }: Finding): string {
  return `${path}:${line}: ${what}: use ${instead}`;
}

/** The line, from 1, on which an offset lies. */
export function lineAt(source: string, offset: number): number {
  let line = 1;
  for (let at = source.indexOf("\n"); at !== -1 && at < offset; at = source.indexOf("\n", at + 1)) {
    line++;
  }
  return line;
}

/** Splits TypeScript into its code and its comments, so that no rule trips over a string that quotes it. */
export function viewsOf(source: string): Views {
  let code = "";
  let comments = "";
  let before = "";
  const braces: Brace[] = [];
  for (let at = 0; at < source.length;) {
    const { kind, text } = readToken(source, at, { before, braces });
    at += text.length;
    code += kind === "code" ? text : kind === "text" ? blankInside(text) : blank(text);
    comments += kind === "comment" ? text : blank(text);
    if (kind !== "comment" && text.trim() !== "") before = text;
  }
  return { code, comments };
}

/**
 * Every file that git tracks or would track, so that a new file is checked before it is committed. Without git, as in
 * an unpacked archive, every file but those that are made on the spot.
 */
export function listFiles(root: string): string[] {
  const argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const git = Bun.which("git") ? Bun.spawnSync(argv, { cwd: root, stderr: "ignore" }) : undefined;
  const paths = git?.success ? git.stdout.toString().split("\0") : walk(root);
  return [...new Set(paths)].filter((path) => path !== "").sort();
}

function walk(root: string): string[] {
  return readdirSync(root, { withFileTypes: true }).flatMap((entry) => {
    if (MADE_ON_THE_SPOT.test(entry.name)) return [];
    if (!entry.isDirectory()) return [entry.name];
    return walk(`${root}/${entry.name}`).map((path) => `${entry.name}/${path}`);
  });
}

/** Reads files as text; one that vanished since it was listed is left out. */
export async function readFiles(root: string, paths: string[]): Promise<SourceFile[]> {
  const files = await Promise.all(
    paths.map(async (path) => {
      const file = Bun.file(`${root}/${path}`);
      return (await file.exists()) ? [{ path, source: await file.text() }] : [];
    }),
  );
  return files.flat();
}

function readToken(
  source: string,
  at: number,
  { before, braces }: { before: string; braces: Brace[] },
): Token {
  const text = readAt(TOKEN, source, at);
  if (text.startsWith("//") || text.startsWith("/*")) return { kind: "comment", text };
  if (text.startsWith('"') || text.startsWith("'")) return { kind: "text", text };
  if (text === "/") return readSlash(source, at, before);
  if (text === "`") return readTemplate(source, at, braces);
  if (text === "{") braces.push("block");
  if (text === "}" && braces.pop() === "template") return readTemplate(source, at, braces);
  return { kind: "code", text };
}

function readSlash(source: string, at: number, before: string): Token {
  const divides = ENDS_A_VALUE.test(before) && !KEYWORD_BEFORE_REGEXP.test(before);
  const regexp = divides ? "" : readAt(REGEXP, source, at);
  return regexp === "" ? { kind: "code", text: "/" } : { kind: "text", text: regexp };
}

function readTemplate(source: string, at: number, braces: Brace[]): Token {
  const text = (source[at] ?? "") + readAt(TEMPLATE_REST, source, at + 1);
  if (text.endsWith("${")) braces.push("template");
  return { kind: "text", text };
}

function readAt(pattern: RegExp, source: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0] ?? "";
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

function blankInside(text: string): string {
  if (text.length < 2) return text;
  return text.slice(0, 1) + blank(text.slice(1, -1)) + text.slice(-1);
}
