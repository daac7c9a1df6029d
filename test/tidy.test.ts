import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { checkExports } from "./support/exports.ts";
import { checkMirror } from "./support/mirror.ts";
import { formatFinding, listFiles, readFiles, type SourceFile, viewsOf } from "./support/source.ts";
import { checkTidy } from "./support/tidy.ts";

const ROOT = join(import.meta.dir, "..");
const OXLINT = join(ROOT, "node_modules/oxlint/bin/oxlint");

/** Parts of platform that no test needs to stand for, each with its reason. */
const WITHOUT_TEST: Record<string, string> = {};

const BINARY = /\.(?:png|ico|webp|jpe?g|gif|woff2?|gz|zip)$/;
const files = await readFiles(
  ROOT,
  listFiles(ROOT).filter((path) => !BINARY.test(path)),
);

test("the tree is tidy", () => {
  expect(files.length).toBeGreaterThan(20);
  expect(checkTidy(files).map(formatFinding)).toEqual([]);
});

test("every feature and every part of platform has its test", () => {
  expect(checkMirror(files, WITHOUT_TEST).map(formatFinding)).toEqual([]);
});

test("nothing is exported in vain", () => {
  expect(checkExports(files).map(formatFinding)).toEqual([]);
});

/** A file, what is in it, and what must be reported of it. */
const BREAKS: [path: string, source: string, expected: string][] = [
  [
    "src/platform/long.ts",
    "\n".repeat(301),
    ":301: 301 lines, of at most 300: use one file a noun",
  ],
  ["src/platform/utils.ts", "", "a name that says nothing"],
  ["test/helpers.ts", "", "a name that says nothing"],
  ["src/features/chat/types.ts", "", "a name that says nothing"],
  ["scripts/index.ts", "", "a name that says nothing"],
  ["src/common.ts", "", "a name that says nothing"],
  ["docs/x.md", "", `"docs" is not part of the fixed top level`],
  ["vitest.config.ts", "", `"vitest.config.ts" is not part of the fixed top level`],
  ["src/features/chat/service.ts", "\nconst at = new Date();", ":2: reads the clock"],
  ["src/features/chat/service.ts", "const at = Date.now();", "use platform.now()"],
  ["src/platform/queue.ts", "const wait = Math.random();", "use crypto.getRandomValues"],
  ["src/platform/queue.ts", `console.log("x");`, "use the log of the platform"],
  ["src/platform/queue.ts", "function f(x: any) {}", "the type any"],
  ["src/platform/queue.ts", "const x = y as any;", "the type any"],
  ["src/platform/queue.ts", "const x = <any>y;", "the type any"],
  ["src/platform/queue.ts", "const x: Record<string, any> = y;", "the type any"],
  ["src/platform/queue.ts", "// @ts-ignore", "silences the compiler"],
  ["src/platform/queue.ts", "// @ts-expect-error because", "silences the compiler"],
  ["test/x.test.ts", "// oxlint-disable-next-line", "silences a rule"],
  ["scripts/seed.ts", "/* eslint-disable */", "silences a rule"],
  ["src/platform/queue.ts", "// TODO: later", "a leftover"],
  ["test/x.test.ts", "// FIXME", "a leftover"],
  ["scripts/start", "#!/bin/sh\n# XXX", "scripts/start:2: a leftover"],
  ["drizzle/0001_roles.sql", "-- TODO", "a leftover"],
  ["test/x.test.ts", `test.only("x", f);`, "a test that does not count"],
  ["test/x.test.ts", `describe.skip("x", f);`, "a test that does not count"],
  ["test/x.test.ts", `test.todo("x");`, "a test that does not count"],
  ["test/x.test.ts", `test.concurrent.only("x", f);`, "a test that does not count"],
  ["test/x.test.ts", "await Bun.sleep(5);", "use a signal"],
  ["test/x.test.ts", "await sleep(5);", "use a signal"],
  ["test/x.test.ts", "new Promise((resolve) => setTimeout(resolve, 5));", "waits for time"],
  ["test/x.test.ts", "expect(work).rejects.toThrow();", "nobody awaits"],
  ["test/x.test.ts", "await expect(work()).resolves.toBe(1);", "nobody awaits"],
  ["test/support/poll.ts", "await Bun.sleep(5);", "a wait without an end"],
  ["src/features/chat/service.ts", "sql.raw(name);", "SQL from a string"],
  ["src/features/chat/service.ts", "client.unsafe(name);", "SQL from a string"],
  ["README.md", `cd ${"/home"}/me/frm`, "a path of one machine"],
  ["bun.lock", `"resolved": "https://packages.example/x.tgz"`, "the address of one registry"],
];

/** What looks like a break and is none. */
const FINE: [path: string, source: string][] = [
  ["src/platform/long.ts", "\n".repeat(300)],
  ["src/platform/config.ts", "const at = Date.now(); await Promise.any([f]); t.Any();"],
  ["src/platform/queue.ts", `const text = "// TODO console.log as any"; // any of them`],
  ["src/platform/queue.ts", "sql.unsafe(name);"],
  ["src/features/chat/service.ts", "const at = new Date(row.at);"],
  ["test/x.test.ts", `const source = \`test.only("x") \${"sleep(1)"}\`;`],
  ["test/support/poll.ts", "while (now() < deadline) await Bun.sleep(5);"],
  [".github/SECURITY.md", "The folder is below /var/lib, see https://example.com/home/x."],
  ["src/dashboard/index.html", "<p>Hello</p>"],
];

test.each(BREAKS)("a break is named: %s %j", (path, source, expected) => {
  expect(tidy(path, source).join("\n")).toContain(expected);
});

test.each(FINE)("no break: %s %j", (path, source) => {
  expect(tidy(path, source)).toEqual([]);
});

test("a part without a test is named, and so is an excuse that is no longer needed", () => {
  const src = "export function open() {}";
  const tree = [
    { path: "src/features/chat/service.ts", source: src },
    { path: "src/features/chat/routes.ts", source: src },
    { path: "src/platform/queue.ts", source: src },
    { path: "src/platform/queue_script.ts", source: src },
    { path: "src/platform/embedded/redis.ts", source: src },
    { path: "src/platform/tables.ts", source: "export const outbox = 1;" },
  ];
  expect(mirror(tree, {})).toEqual([
    "src/features/chat:1: no test stands for it: use test/features/chat/*.test.ts",
    "src/platform/queue.ts:1: no test stands for it: use test/platform/queue.test.ts, or a test that imports it",
    "src/platform/queue_script.ts:1: no test stands for it: use test/platform/queue_script.test.ts, or a test that imports it",
    "src/platform/embedded:1: no test stands for it: use test/platform/embedded.test.ts, or a test that imports it",
  ]);
  const tests = [
    { path: "test/features/chat/rooms.test.ts", source: "" },
    { path: "test/platform/queue.test.ts", source: "" },
    { path: "test/x.test.ts", source: `import { open } from "../src/platform/embedded/redis.ts";` },
  ];
  expect(mirror([...tree, ...tests], {})).toEqual([]);
  expect(mirror(tree, { "src/features/chat": "why" })).toHaveLength(3);
  expect(mirror([...tree, ...tests], { "src/platform/queue.ts": "why" })).toEqual([
    "src/platform/queue.ts:1: excused, but gone or tested: use no excuse",
  ]);
  expect(mirror(tests, {})).toEqual([
    "test/features/chat/rooms.test.ts:1: tests a feature that is gone: use its name in src",
  ]);
});

test("an export that nothing uses is named", () => {
  const tree = [
    { path: "src/a.ts", source: "export function used() {}\n// dead\nexport const dead = 1;" },
    { path: "src/b.ts", source: `import { used } from "./a.ts"; // dead\nused("dead");` },
    {
      path: "src/c.ts",
      source: "export interface Own {}\nfunction f(own: Own) {}\nexport type Lost = 1;",
    },
    { path: "src/d.ts", source: "const e = 1;\nexport { e as renamed };\nexport class Shape {}" },
    { path: "src/features/x/tables.ts", source: "export const rows = 1;" },
  ];
  expect(checkExports(tree).map(({ path, line, what }) => `${path}:${line} ${what}`)).toEqual([
    `src/a.ts:3 exports "dead", which nothing else uses`,
    `src/c.ts:3 exports "Lost", which nothing else uses`,
    `src/d.ts:3 exports "Shape", which nothing else uses`,
    `src/d.ts:2 exports "renamed", which nothing else uses`,
  ]);
});

test("viewsOf tells code from comments, strings, templates and regular expressions", () => {
  const source = `a /* b */ / 2; "c//" + 'd' + \`e\${f("}")}g\`; /h"[/]/.test(i); // j`;
  const { code, comments } = viewsOf(source);
  expect([code.length, comments.length]).toEqual([source.length, source.length]);
  expect(code.match(/\w+/g)).toEqual(["a", "2", "f", "test", "i"]);
  expect(comments.match(/\w+/g)).toEqual(["b", "j"]);
});

const lintDir = await mkdtemp(join(tmpdir(), "frm-lint-"));
afterAll(() => rm(lintDir, { recursive: true, force: true }));

test("oxlint refuses what is left to it", async () => {
  const many = Array.from({ length: 70 }, (_, index) => `  f(${index});`).join("\n");
  const branchy = Array.from({ length: 13 }, (_, index) => `  if (a === ${index}) f(a);`).join(
    "\n",
  );
  await Bun.write(
    join(lintDir, "src/a.ts"),
    [
      `import { g } from "./b.ts";`,
      `export function f(a: unknown): void {\n  g(a);\n}`,
      `export function long(): void {\n${many}\n}`,
      `export function branchy(a: number): void {\n${branchy}\n}`,
      `export function four(a: number, b: number, c: number, d: any): void {\n  console.log(a == b, c, d);\n}`,
      `async function work(): Promise<void> {}\nexport function forget(): void {\n  work();\n}`,
    ].join("\n"),
  );
  await Bun.write(
    join(lintDir, "src/b.ts"),
    `import { f } from "./a.ts";\nexport const g = (a: unknown) => f(a);`,
  );
  await Bun.write(
    join(lintDir, "tsconfig.json"),
    `{ "compilerOptions": { "strict": true, "noEmit": true, "allowImportingTsExtensions": true }, "include": ["src"] }`,
  );
  const config = join(ROOT, ".oxlintrc.json");
  const lint = Bun.spawn([process.execPath, OXLINT, "-c", config, "--format", "unix", lintDir], {
    cwd: ROOT,
    stdout: "pipe",
  });
  const [output, exitCode] = await Promise.all([lint.stdout.text(), lint.exited]);
  expect(exitCode).not.toBe(0);
  const rules = [...output.matchAll(/\[Error\/[\w]+\(([\w-]+)\)\]/g)].map(([, rule]) => rule ?? "");
  expect([...new Set(rules)].sort()).toEqual([
    "complexity",
    "eqeqeq",
    "max-lines-per-function",
    "max-params",
    "no-console",
    "no-cycle",
    "no-explicit-any",
    "no-floating-promises",
  ]);
});

function tidy(path: string, source: string): string[] {
  return checkTidy([{ path, source }]).map(formatFinding);
}

function mirror(tree: SourceFile[], excused: Record<string, string>): string[] {
  return checkMirror(tree, excused).map(formatFinding);
}
