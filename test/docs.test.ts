import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { dependencies, devDependencies, scripts } from "../package.json";
import { listPages } from "../scripts/docs.ts";
import { ASVS, checkAsvs, LEVEL_1 } from "./support/asvs.ts";
import { checkDocument, checkScripts, checkTypes, listBlocks } from "./support/docs.ts";
import { formatFinding, listFiles, readFiles } from "./support/source.ts";

const ROOT = join(import.meta.dir, "..");
const AROUND = { scripts: Object.keys(scripts), exists };

const documents = await readFiles(
  ROOT,
  listFiles(ROOT).filter((path) => /^(?:README|\.github\/.+)\.md$/.test(path)),
);

function exists(path: string): boolean {
  return existsSync(join(ROOT, path));
}

test("there is a README", () => {
  expect(documents.map(({ path }) => path)).toContain("README.md");
});

test("commands, paths and links of the documents lead somewhere", () => {
  const findings = documents.flatMap((file) => checkDocument(file, documents, AROUND));
  expect(findings.map(formatFinding)).toEqual([]);
});

test("TypeScript in the documents compiles", async () => {
  expect((await checkTypes(documents, ROOT)).map(formatFinding)).toEqual([]);
});

test("the scripts of package.json start what exists", () => {
  const packages = Object.keys({ ...dependencies, ...devDependencies });
  expect(checkScripts(scripts, packages, exists).map(formatFinding)).toEqual([]);
});

test("the generated parts of the documents are what the code says: else run bun run docs", async () => {
  const pages = await listPages();
  expect(pages.map(({ path }) => path)).toContain(".github/PROTOCOL.md");
  for (const { path, source, wanted } of pages) {
    const firstWrong = wanted.split("\n").findIndex((line, at) => line !== source.split("\n")[at]);
    expect(`${path}:${firstWrong + 1}: ${source === wanted ? "equal" : "run bun run docs"}`).toBe(
      `${path}:0: equal`,
    );
  }
});

const DOC = "docs/a.md";

/** A document, and what must be reported of it; nothing where it is fine. */
const CASES: [markdown: string, expected: string][] = [
  ["```sh\nbun run gone\n```", `${DOC}:2: package.json has no script "gone": use start, ok`],
  ["```sh\nFOO=1 bun --watch gone\n```", `has no script "gone"`],
  ["```bash\ncd x && bun run gone\n```", `has no script "gone"`],
  ["```console\n$ bun gone\nbun is silent\n```", `:2: package.json has no script "gone"`],
  ["Run `bun run gone` first.", `:1: package.json has no script "gone"`],
  ["```sh\n./scripts/gone\n```", `"scripts/gone" does not exist`],
  ["The file `src/gone.ts` is the door.", `"src/gone.ts" does not exist`],
  ["[text](./gone.md)", `:1: links to "./gone.md"`],
  ["\n![image](../gone.png)", `:2: links to "../gone.png"`],
  ["[text][ref]\n\n[ref]: gone.md", `:3: links to "gone.md"`],
  ["# One\n\n[text](#two)", `links to "#two": use a heading that exists`],
  ["[text](b.md#gone)", `links to "#gone"`],
  ["```sh\n./scripts/start # and bun run gone\nbun run ok\nbun ok\nbun install\nbun test\n```", ""],
  ["`bun run` `bun src/main.ts` `src/features/<name>/` `src/*/gone.ts` `test/architecture`", ""],
  ["# One & two\n\n[text](#one--two) [text](b.md#three) [text](https://example.com/gone.md)", ""],
  ["```txt\nbun run gone [text](gone.md)\n```\n`[text](gone.md)`", ""],
];

test.each(CASES)("document %j is reported as %j", (source, expected) => {
  const known = [DOC, "docs/b.md", "scripts/start", "src/main.ts", "test/architecture"];
  const around = { scripts: ["start", "ok"], exists: (path: string) => known.includes(path) };
  const file = { path: DOC, source };
  const all = [file, { path: "docs/b.md", source: "## Three" }];
  const found = checkDocument(file, all, around).map(formatFinding).join("\n");
  if (expected === "") expect(found).toBe("");
  else expect(found).toContain(expected);
});

test("TypeScript that does not compile is reported at its line of the document", async () => {
  const good = `import { SETTINGS } from "./src/platform/config.ts";\nconst meaning: string = SETTINGS.PORT.meaning;`;
  const bad = `# Bad\n\n\`\`\`ts\nimport { Elysia } from "elysia";\nnew Elysia().gone();\n\`\`\``;
  const found = await checkTypes(
    [
      { path: "README.md", source: `\`\`\`ts\n${good}\n\`\`\`\n\n\`\`\`json\n{ nonsense\n\`\`\`` },
      { path: ".github/BAD.md", source: bad },
      { path: ".github/PATH.md", source: `\`\`\`ts\nimport "./src/platform/config.ts";\n\`\`\`` },
    ],
    ROOT,
  );
  expect(found.map(({ path, line }) => `${path}:${line}`).sort()).toEqual([
    ".github/BAD.md:5",
    ".github/PATH.md:2",
  ]);
});

test("listBlocks reads fences of any length", () => {
  expect(listBlocks("a\n````ts title\n```\nb\n````\n~~~sh\nc\n~~~\n")).toEqual([
    { language: "ts", code: "```\nb\n", line: 3 },
    { language: "sh", code: "c\n", line: 7 },
  ]);
});

test("a script that starts nothing is named", () => {
  const found = checkScripts(
    { a: "bun src/gone.ts", b: "jest test", c: "bun run d", ok: "oxlint src && bun run a" },
    ["oxlint"],
    (path) => path === "src",
  );
  expect(found.map(({ what }) => what)).toEqual([
    `script "a": "src/gone.ts" does not exist`,
    `script "b": starts "jest"`,
    `script "c": package.json has no script "d"`,
  ]);
});

test("every requirement of ASVS level 1 has one row, with tests that exist or a reason", async () => {
  const security = documents.find(({ path }) => path === ".github/SECURITY.md")?.source ?? "";
  expect(LEVEL_1).toHaveLength(70);
  for (const text of Object.values(ASVS)) expect(security).toContain(text);
  expect(await checkAsvs(security, ROOT)).toEqual([]);
});

test.each([
  [
    "| V1.2.1 | Some words | met | `test/docs.test.ts` › no such test |",
    'has no test "no such test"',
  ],
  ["| V1.2.1 | Some words | met | `test/gone.test.ts` › a name |", '"test/gone.test.ts" does not'],
  ["| V1.2.1 | Some words | met | |", "V1.2.1 needs a reason"],
  [
    "| V1.2.1 | Some words | open | `test/docs.test.ts` › where a caller |",
    "V1.2.1 needs a reason",
  ],
  ["| V1.2.1 | Some words | fine | because of these five words |", '"fine" is no verdict'],
  ["| V1.2.1 | | met | because of these five words |", "does not say what it asks for"],
  ["| V1.2.9 | Some words | met | because of these five words |", "V1.2.9 is no requirement"],
  ["no table", "V1.2.1 has 0 rows"],
])("a row that claims too much is named: %s", async (row, problem) => {
  const good = "| V1.2.1 | Some words | met | because of these five words |";
  expect(await checkAsvs(good, ROOT, ["V1.2.1"])).toEqual([]);
  expect((await checkAsvs(row, ROOT, ["V1.2.1"])).join("\n")).toContain(problem);
});
