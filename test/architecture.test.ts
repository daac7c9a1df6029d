import { expect, test } from "bun:test";

import { dependencies, optionalDependencies } from "../package.json";
import { checkArchitecture } from "./support/architecture.ts";
import { listImports } from "./support/imports.ts";
import { formatFinding, listFiles, readFiles, type SourceFile } from "./support/source.ts";

const ROOT = `${import.meta.dir}/..`;
const PACKAGES = Object.keys({ ...dependencies, ...optionalDependencies });

const paths = listFiles(ROOT).filter((path) => path.startsWith("src/"));
const files = await readFiles(ROOT, paths);

/** A small product without a fault; every break below is one change to it. */
const CLEAN: Record<string, string> = {
  "src/main.ts": `import { createApp } from "./app.ts";\nprocess.on("SIGTERM", () => createApp());`,
  "src/worker.ts": `import "./jobs.ts";\nexport const id = process.pid;`,
  "src/app.ts": `import { Elysia } from "elysia";\nimport { roomRoutes } from "./features/chat/routes.ts";\nimport page from "./dashboard/index.html";`,
  "src/socket.ts": `import { roomEvents } from "./features/chat/events.ts";`,
  "src/jobs.ts": `import { roomJobs } from "./features/chat/jobs.ts";`,
  "src/client/mod.ts": `import type { App } from "../app.ts";\nimport type { Room } from "../features/chat/schema.ts";\nimport { treaty } from "@elysiajs/eden";`,
  "src/dashboard/index.html": `<script src="./page.ts"></script>`,
  "src/dashboard/page.ts": `import { connect } from "../client/mod.ts";`,
  "src/platform/config.ts": `export const home = process.env.HOME ?? Bun.env.HOME;`,
  "src/platform/database.ts": `import postgres from "postgres";\nimport { outbox } from "./tables.ts";`,
  "src/platform/tables.ts": `import { pgTable } from "drizzle-orm/pg-core";`,
  "src/platform/embedded/postgres.ts": `import { home } from "../config.ts";\nexport const root = process.getuid?.() === 0;`,
  "src/features/users/mod.ts": `export { getUser } from "./service.ts";`,
  "src/features/users/tables.ts": `import { pgTable } from "drizzle-orm/pg-core";`,
  "src/features/users/service.ts": `import { home } from "../../platform/config.ts";`,
  "src/features/chat/tables.ts": `import { users } from "../users/tables.ts";`,
  "src/features/chat/schema.ts": `import { t } from "elysia";\nimport { home } from "../../platform/config.ts";`,
  "src/features/chat/service.ts": `import { rooms } from "./service/rooms.ts";`,
  "src/features/chat/service/rooms.ts": `import { eq } from "drizzle-orm";\nimport { rooms } from "../tables.ts";\nimport { getUser } from "../../users/mod.ts";\nimport { users } from "../../users/tables.ts";\nimport { Room } from "../schema.ts";`,
  "src/features/chat/routes.ts": `import { Elysia } from "elysia";\nimport { Room } from "./schema.ts";\nimport { rooms } from "./service.ts";\nimport { getUser } from "../users/mod.ts";`,
  "src/features/chat/events.ts": `import { rooms } from "./service.ts";`,
  "src/features/chat/jobs.ts": `import { rooms } from "./service.ts";`,
};

/** What to write into which file of the clean product, and what must then be reported of it. */
const BREAKS: [path: string, source: string, expected: string][] = [
  ["src/utils.ts", "", "belongs to no layer"],
  ["src/features/chat/helpers.ts", "", "belongs to no layer"],
  ["src/features/types.ts", "", "belongs to no layer"],
  ["src/features/chat/service/deep/rooms.ts", "", "belongs to no layer"],
  ["src/platform/Odd-Name.ts", "", "belongs to no layer"],
  ["src/platform/log.ts", `import "../app.ts";`, `platform imports "../app.ts"`],
  [
    "src/platform/log.ts",
    `import type { Room } from "../features/chat/schema.ts";`,
    "platform imports",
  ],
  ["src/platform/log.ts", `import "../features/chat/mod.ts";`, "which does not exist"],
  ["src/platform/log.ts", `import "../../test/x.ts";`, "only what lies in src"],
  ["src/platform/tables.ts", `import { home } from "./config.ts";`, "platform-tables imports"],
  ["src/features/chat/tables.ts", `import { Room } from "./schema.ts";`, "tables imports"],
  ["src/features/chat/tables.ts", `import { t } from "elysia";`, `tables imports "elysia"`],
  ["src/features/chat/schema.ts", `import { Elysia, t } from "elysia";`, `"elysia" (Elysia)`],
  ["src/features/chat/schema.ts", `import * as elysia from "elysia";`, `"elysia" (* as elysia)`],
  ["src/features/chat/schema.ts", `const { Elysia } = await import("elysia");`, "(everything)"],
  ["src/features/chat/schema.ts", `import { rooms } from "./tables.ts";`, "schema imports"],
  [
    "src/features/chat/schema.ts",
    `import type { rooms } from "./service/rooms.ts";`,
    "schema imports",
  ],
  [
    "src/features/chat/service.ts",
    `import type { Elysia } from "elysia";`,
    `service imports "elysia"`,
  ],
  [
    "src/features/chat/service.ts",
    `import { jwt } from "@elysiajs/jwt";`,
    `service imports "@elysiajs/jwt"`,
  ],
  [
    "src/features/chat/service.ts",
    `import { getUser } from "../users/service.ts";`,
    "never elysia",
  ],
  [
    "src/features/chat/service/rooms.ts",
    `import "../routes.ts";`,
    `service imports "../routes.ts"`,
  ],
  ["src/features/chat/service.ts", `import "../../app.ts";`, `service imports "../../app.ts"`],
  ["src/features/users/mod.ts", `export * from "./tables.ts";`, `mod imports "./tables.ts"`],
  [
    "src/features/chat/routes.ts",
    `import { eq } from "drizzle-orm";`,
    `routes imports "drizzle-orm"`,
  ],
  ["src/features/chat/events.ts", `import postgres from "postgres";`, `events imports "postgres"`],
  ["src/features/chat/jobs.ts", `import { createClient } from "redis";`, `jobs imports "redis"`],
  ["src/features/chat/routes.ts", `import "./events.ts";`, `routes imports "./events.ts"`],
  ["src/features/chat/jobs.ts", `await import("./routes.ts");`, `jobs imports "./routes.ts"`],
  ["src/features/chat/routes.ts", `import { rooms } from "./tables.ts";`, "routes imports"],
  [
    "src/features/chat/routes/rooms.ts",
    `import { users } from "../../users/service.ts";`,
    "routes imports",
  ],
  ["src/features/chat/routes.ts", "await import(name);", "imports a computed path"],
  ["src/app.ts", `import { rooms } from "./features/chat/service.ts";`, "app imports"],
  ["src/socket.ts", `import "./app.ts";`, `root-socket imports "./app.ts"`],
  ["src/jobs.ts", `import { eq } from "drizzle-orm";`, `root-jobs imports "drizzle-orm"`],
  ["src/main.ts", `import "./features/chat/routes.ts";`, "process imports"],
  ["src/worker.ts", `import "./features/chat/jobs.ts";`, "process imports"],
  ["src/client/mod.ts", `import { createApp } from "../app.ts";`, `client imports "../app.ts"`],
  [
    "src/client/mod.ts",
    `import { type Room } from "../features/chat/schema.ts";`,
    "client imports",
  ],
  ["src/client/mod.ts", `import type { Log } from "../platform/log.ts";`, "client imports"],
  ["src/client/mod.ts", `import { readFile } from "node:fs";`, `client imports "node:fs"`],
  [
    "src/dashboard/page.ts",
    `import type { App } from "../app.ts";`,
    `dashboard imports "../app.ts"`,
  ],
  ["src/platform/log.ts", `import chalk from "chalk";`, `"chalk" is not in package.json`],
  ["src/platform/log.ts", "const shell = process.env.SHELL;", "reads process.env"],
  ["src/platform/log.ts", "const { env } = process;", "reads process.process"],
  ["src/platform/log.ts", "const shell = Bun.env.SHELL;", "use the settings of platform/config.ts"],
  ["src/platform/log.ts", "const mode = import.meta.env.MODE;", "reads process.env"],
  ["src/platform/log.ts", `import { env } from "bun";`, "reads process.env"],
  ["src/platform/log.ts", `import { exit } from "node:process";`, "reads process.exit"],
  ["src/platform/config.ts", "process.exit(1);", "reads process.exit"],
  ["src/platform/embedded/postgres.ts", "process.chdir(home);", "reads process.chdir"],
  ["src/features/chat/service.ts", "process.cwd();", "reads process.cwd"],
  ["src/platform/log.ts", "const process = Bun.spawn([]);", "hides the global process"],
  ["src/platform/config.ts", `import "./database.ts";\nimport "./config.ts";`, "import cycle"],
];

test("src keeps to its layers, without a cycle", () => {
  expect(checkArchitecture(files, PACKAGES).map(formatFinding)).toEqual([]);
});

test("every file of src was seen, and so was every import that Bun sees", () => {
  const seen = [...new Bun.Glob("src/**/*").scanSync({ cwd: ROOT })];
  expect(seen.length).toBeGreaterThan(0);
  expect(paths).toEqual(expect.arrayContaining(seen));
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  const missed = files
    .filter(({ path }) => path.endsWith(".ts"))
    .flatMap(({ path, source }) => {
      const ours = listImports(source).map(({ specifier }) => specifier);
      const theirs = transpiler.scanImports(source).map((found) => found.path);
      return theirs.filter((specifier) => !ours.includes(specifier)).map((it) => `${path}: ${it}`);
    });
  expect(missed).toEqual([]);
});

test("the clean product passes", () => {
  expect(check({})).toEqual([]);
});

test.each(BREAKS)("a break is named: %s %j", (path, source, expected) => {
  const found = check({ [path]: source }).filter((line) => line.startsWith(`${path}:`));
  expect(found).not.toEqual([]);
  expect(found.join("\n")).toContain(expected);
});

test("a cycle is named whole, even one that only types close", () => {
  const found = check({
    "src/platform/config.ts": `export type { root } from "./embedded/postgres.ts";`,
  });
  expect(found).toEqual([
    "src/platform/embedded/postgres.ts:1: import cycle src/platform/config.ts → " +
      "src/platform/embedded/postgres.ts → src/platform/config.ts: use a leaf that both may import",
  ]);
});

test("imports inside comments and strings do not count", () => {
  const source = `// import "../app.ts";\n/* process.env */ const text = \`import "../app.ts" \${"process.env"}\`;`;
  expect(check({ "src/platform/log.ts": source })).toEqual([]);
});

test("listImports reads types, names, many lines and calls", () => {
  const source = `import a, {\n  type B,\n  c as d,\n} from "./a.ts";\nexport type { E } from './e.ts';\ntype F = typeof import("./f.ts");`;
  expect(listImports(source)).toEqual([
    { specifier: "./a.ts", line: 4, typeOnly: false, dynamic: false, names: ["a", "type B", "c"] },
    { specifier: "./e.ts", line: 5, typeOnly: true, dynamic: false, names: ["E"] },
    { specifier: "./f.ts", line: 6, typeOnly: false, dynamic: true, names: [] },
  ]);
});

function check(changes: Record<string, string>): string[] {
  const tree: SourceFile[] = Object.entries({ ...CLEAN, ...changes }).map(([path, source]) => ({
    path,
    source,
  }));
  const packages = [
    "elysia",
    "@elysiajs/eden",
    "@elysiajs/jwt",
    "drizzle-orm",
    "postgres",
    "redis",
  ];
  return checkArchitecture(tree, packages).map(formatFinding);
}
