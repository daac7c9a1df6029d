import { expect, test } from "bun:test";

import { Type } from "@sinclair/typebox/type";

import { fill } from "../../scripts/docs.ts";
import { errorTables } from "../../scripts/docs/errors.ts";
import { describeType, fieldsTable } from "../../scripts/docs/fields.ts";
import { clientFrames, closeCodes, userEventKinds } from "../../scripts/docs/protocol.ts";
import { envExample, settingsTable } from "../../scripts/docs/settings.ts";
import { table } from "../../scripts/docs/tables.ts";
import { listErrors } from "../../src/platform/errors.ts";
import { CloseCode } from "../../src/platform/realtime/connection.ts";

const PAGE = "before\n<!-- generated: a -->\nold\n<!-- end: a -->\nafter\n";

test("only what stands between the marks is written", async () => {
  const filled = await fill("a.md", PAGE, { a: () => "new" });
  expect(filled).toBe("before\n<!-- generated: a -->\n\nnew\n\n<!-- end: a -->\nafter\n");
  expect(await fill("a.md", filled, { a: () => "new" })).toBe(filled);
});

test("marks without a section, and sections without a mark, are refused", async () => {
  const make = () => "new";
  const refusal = async (source: string, sections: Record<string, () => string>) =>
    await fill("a.md", source, sections).catch(String);
  expect(await refusal(PAGE, {})).toContain("marks sections that nothing makes");
  expect(await refusal(PAGE, { b: make })).toContain('needs "<!-- generated: b -->"');
  expect(await refusal(PAGE + PAGE, { a: make })).toContain('Cannot write "a.md"');
  expect(await refusal("", { a: make })).toContain('Cannot write "a.md"');
});

test("a cell holds any text without breaking its table", () => {
  expect(table(["a"], [["x | y\nz <b> `<c>`"]])).toBe("| a |\n| --- |\n| x \\| y z \\<b> `<c>` |");
});

test("the page of errors has every code of the catalogue once, with both languages", async () => {
  const tables = await errorTables();
  expect(listErrors().length).toBeGreaterThan(20);
  for (const { code, title } of listErrors()) {
    const rows = tables.split("\n").filter((row) => row.startsWith(`| \`${code}\` |`));
    expect(rows).toHaveLength(1);
    expect(rows[0]).toContain(`| ${title.en} | ${title.vi} |`);
  }
  expect(tables).toMatch(/`last_owner` .* \| chat \|/);
  expect(tables).toMatch(/`internal` .* \| platform \|/);
});

test("types are told with the limits that the schema checks", () => {
  const cases = [
    [Type.Literal("x"), '`"x"`'],
    [Type.String({ minLength: 1, maxLength: 9 }), "string, 1 to 9 characters"],
    [Type.String({ maxLength: 9, pattern: "^a+$" }), "string, 0 to 9 characters, matches `^a+$`"],
    [Type.String({ format: "uuid", maxLength: 36 }), "UUID"],
    [Type.Integer({ minimum: 1, maximum: 5 }), "integer from 1 to 5"],
    [Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), "integer from 0"],
    [Type.Union([Type.Literal("a"), Type.Null()]), '`"a"` or null'],
    [Type.Array(Type.Boolean(), { maxItems: 3 }), "list of boolean, at most 3"],
    [
      Type.Record(Type.String(), Type.Integer(), { maxProperties: 2 }),
      "object from string to integer, at most 2 entries",
    ],
    [Type.Object({ a: Type.Number() }), "object of `a`: number"],
    [Type.Unknown(), "any JSON"],
  ] as const;
  for (const [schema, told] of cases) expect(describeType(schema)).toBe(told);
});

test("a field without a meaning stops the page", () => {
  const frame = Type.Object({
    a: Type.String(),
    b: Type.Optional(Type.Null({ description: "B" })),
  });
  expect(() => fieldsTable(frame, {})).toThrow('Cannot describe the field "a"');
  expect(fieldsTable(frame, { a: "A", b: "other" })).toContain(
    "| `a` | string | yes | A |\n| `b` | null |  | B |",
  );
});

test("the protocol's page has every frame that is dispatched and every close code", () => {
  for (const type of ["hello", "hb", "send", "sync"])
    expect(clientFrames()).toContain(`### \`${type}\``);
  for (const code of Object.values(CloseCode)) expect(closeCodes()).toContain(`| ${code} | `);
});

test("settings are listed with their defaults, and the example changes nothing", () => {
  const settings = {
    PORT: { default: "3000", meaning: "where to listen" },
    HOST: { shownDefault: "127.0.0.1", meaning: "address" },
    LIST: { default: "", meaning: "nothing" },
  };
  expect(settingsTable(settings).split("\n").slice(2)).toEqual([
    "| `PORT` | 3000 | where to listen |",
    "| `HOST` | 127.0.0.1 | address |",
    "| `LIST` | none | nothing |",
  ]);
  const example = envExample(settings).split("\n");
  expect(example.slice(2, 6)).toEqual([
    "# Where to listen.",
    "# PORT=3000",
    "",
    "# Address. Default: 127.0.0.1.",
  ]);
  expect(example.every((line) => line === "" || line.startsWith("#"))).toBe(true);
});

test("every kind of a user's own events is listed, whichever feature declares it", async () => {
  const sources = [...new Bun.Glob("src/features/**/*.ts").scanSync()].map((path) =>
    Bun.file(path).text(),
  );
  const found = (await Promise.all(sources)).flatMap((source) => [
    ...source.matchAll(/\bdefineUserEvent\("([^"]+)"/g),
  ]);
  const kinds = await userEventKinds();
  expect(found.length).toBeGreaterThan(0);
  for (const [, name] of found) expect(kinds).toContain(`\`${name}\``);
});
