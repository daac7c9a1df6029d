import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join, posix } from "node:path";

import type { Finding, SourceFile } from "./source.ts";
import { lineAt } from "./source.ts";

/** A fenced block of a document; `line` is that of its first line of code. */
export interface Block {
  language: string;
  code: string;
  line: number;
}

/** What the documents may refer to. */
export interface Surroundings {
  /** Names of the scripts of package.json. */
  scripts: string[];
  exists: (path: string) => boolean;
}

const FENCE = /^(`{3,}|~{3,})[ \t]*([\w-]*)[^\n]*\n([\s\S]*?)^\1[ \t]*$/gm;
const INLINE = /(?<!`)`([^`\n]+)`(?!`)/g;
const LINK = /\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^\[[^\]]+\]:\s*(\S+)/gm;
const SHELL = /^(?:sh|bash|shell|zsh|console)$/;
const TYPESCRIPT = /^(?:ts|typescript)$/;
const PATH_OF_OURS = /^(?:\.\/)?((?:scripts|src|test|drizzle|\.ci|\.github)\/[\w./-]*[\w-])$/;
const BUN_COMMANDS =
  "add audit build check create exec fmt info init install i link outdated patch pm publish remove repl test update upgrade why x";

/** Takes the fenced blocks out of a document. */
export function listBlocks(markdown: string): Block[] {
  return [...markdown.matchAll(FENCE)].map((match) => ({
    language: match[2] ?? "",
    code: match[3] ?? "",
    line: lineAt(markdown, match.index) + 1,
  }));
}

/** Checks that every command, path and link in a document leads to something. */
export function checkDocument(
  file: SourceFile,
  all: SourceFile[],
  around: Surroundings,
): Finding[] {
  return [...checkCommands(file, around), ...checkLinks(file, all, around)];
}

function checkCommands({ path, source }: SourceFile, around: Surroundings): Finding[] {
  const inBlocks = listBlocks(source)
    .filter(({ language }) => SHELL.test(language))
    .flatMap(({ code, line, language }) =>
      code.split("\n").map((text, index) => ({
        line: line + index,
        text: language === "console" && !text.startsWith("$") ? "" : text.replace(/^\$ /, ""),
      })),
    );
  const prose = withoutBlocks(source);
  const inline = [...prose.matchAll(INLINE)].map((match) => ({
    line: lineAt(prose, match.index),
    text: match[1] ?? "",
  }));
  return [...inBlocks, ...inline].flatMap(({ line, text }) =>
    splitCommands(text).flatMap((words) =>
      refuseWords(words, around).map((problem) => ({ path, line, ...problem })),
    ),
  );
}

/** A line of shell as its commands, each as its words, without comments and leading assignments. */
function splitCommands(line: string): string[][] {
  return line
    .replace(/(?:^|\s)#.*$/, "")
    .split(/&&|\|\|?|;/)
    .map((command) => command.trim().split(/\s+/))
    .map((words) => words.slice(words.findIndex((word) => !/^\w+=/.test(word))));
}

type Problem = Pick<Finding, "what" | "instead">;

function refuseWords(words: string[], { scripts, exists }: Surroundings): Problem[] {
  const problems: Problem[] = [];
  for (const word of words) {
    const path = PATH_OF_OURS.exec(word)?.[1];
    if (path !== undefined && !exists(path)) {
      problems.push({ what: `"${path}" does not exist`, instead: "a path that does" });
    }
  }
  const name = scriptOf(words);
  if (name !== undefined && !scripts.includes(name)) {
    problems.push({ what: `package.json has no script "${name}"`, instead: scripts.join(", ") });
  }
  return problems;
}

/** The script of package.json that a command runs, if it runs one. */
function scriptOf(words: string[]): string | undefined {
  const [program, ...rest] = words;
  const [first, second] = rest.filter((word) => !word.startsWith("-"));
  if (program !== "bun" || first === undefined) return undefined;
  const name = first === "run" ? second : first;
  if (name === undefined || !/^[a-z][a-z:-]*$/.test(name)) return undefined;
  return first !== "run" && BUN_COMMANDS.split(" ").includes(name) ? undefined : name;
}

function checkLinks(
  { path, source }: SourceFile,
  all: SourceFile[],
  around: Surroundings,
): Finding[] {
  const prose = withoutBlocks(source).replace(INLINE, (text) => " ".repeat(text.length));
  return [...prose.matchAll(LINK)].flatMap((match) => {
    const link = match[1] ?? match[2] ?? "";
    if (/^[a-z][a-z+.-]*:/i.test(link)) return [];
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? path : posix.normalize(posix.join(posix.dirname(path), file));
    const line = lineAt(source, match.index);
    if (!around.exists(target)) {
      return [{ path, line, what: `links to "${link}"`, instead: "a file that exists" }];
    }
    const document = all.find((other) => other.path === target);
    if (anchor === undefined || !document || listAnchors(document.source).includes(anchor))
      return [];
    return [{ path, line, what: `links to "#${anchor}"`, instead: "a heading that exists" }];
  });
}

function listAnchors(markdown: string): string[] {
  return [...withoutBlocks(markdown).matchAll(/^#{1,6}\s+(.+)$/gm)].map((match) =>
    (match[1] ?? "")
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-"),
  );
}

function withoutBlocks(markdown: string): string {
  return markdown.replace(FENCE, (text) => text.replace(/[^\n]/g, " "));
}

/** Checks that every script of package.json starts a program we have, with files that exist. */
export function checkScripts(
  scripts: Record<string, string>,
  packages: string[],
  exists: (path: string) => boolean,
): Finding[] {
  return Object.entries(scripts).flatMap(([name, command]) =>
    splitCommands(command).flatMap((words) => {
      const problems = refuseWords(words, { scripts: Object.keys(scripts), exists });
      const [program = ""] = words;
      if (program !== "bun" && !packages.includes(program) && !program.includes("/")) {
        problems.push({ what: `starts "${program}"`, instead: "bun or a declared package" });
      }
      return problems.map(({ what, instead }) => ({
        path: "package.json",
        line: 1,
        what: `script "${name}": ${what}`,
        instead,
      }));
    }),
  );
}

/** Type-checks the TypeScript blocks of the documents, each as a module beside its document. */
export async function checkTypes(files: SourceFile[], root: string): Promise<Finding[]> {
  const blocks = files.flatMap(({ path, source }) =>
    listBlocks(source)
      .filter(({ language }) => TYPESCRIPT.test(language))
      .map((block) => ({ path, ...block })),
  );
  if (blocks.length === 0) return [];
  // Below node_modules, so that packages are found, and git, the formatter and other checks do not look.
  const cache = join(root, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const dir = await mkdtemp(join(cache, "docs-"));
  try {
    const names = blocks.map((_, index) => `block${index}.ts`);
    await Promise.all(
      blocks.map(({ path, code, line }, index) =>
        // Pushed down to its line in the document, so that the compiler reports that line.
        Bun.write(join(dir, names[index] ?? ""), "\n".repeat(line - 1) + locate(code, path, root)),
      ),
    );
    const compilerOptions = {
      noUnusedLocals: false,
      noUnusedParameters: false,
      lib: ["ESNext", "DOM"],
    };
    const project = {
      extends: join(root, "tsconfig.json"),
      compilerOptions,
      include: [],
      files: names,
    };
    await Bun.write(join(dir, "tsconfig.json"), JSON.stringify(project));
    const argv = [process.execPath, "check", "--no-script", "--no-pretty", "--all", "-p", dir];
    const check = Bun.spawn(argv, { cwd: root, stdout: "pipe", stderr: "pipe" });
    const [out, err, exitCode] = await Promise.all([
      check.stdout.text(),
      check.stderr.text(),
      check.exited,
    ]);
    const output = `${out}\n${err}`;
    if (exitCode !== 0 && !output.includes("error TS")) {
      throw new Error(`Cannot check the blocks: bun check ended with ${exitCode}: ${output}`);
    }
    return [...output.matchAll(/block(\d+)\.ts\((\d+),\d+\): error (.*)/g)].map((match) => ({
      path: blocks[Number(match[1])]?.path ?? "",
      line: Number(match[2]),
      what: match[3] ?? "",
      instead: "code that compiles",
    }));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A block imports as if it stood in the folder of its document. */
function locate(code: string, path: string, root: string): string {
  return code.replace(/(?<=\b(?:from|import)\s*\(?\s*["'])\.{1,2}\/[^"']+/g, (to) =>
    join(root, posix.dirname(path), to),
  );
}
