import { expect, test } from "bun:test";

import { TypeCompiler } from "@sinclair/typebox/compiler";

import { Id, line, object, page, text } from "../../src/platform/schema.ts";

function accepts(schema: Parameters<typeof TypeCompiler.Compile>[0], value: unknown): boolean {
  return TypeCompiler.Compile(schema).Check(value);
}

test("an object refuses a field that it does not name", () => {
  const schema = object({ a: Id });
  const a = Bun.randomUUIDv7();
  expect([accepts(schema, { a }), accepts(schema, { a, b: 1 })]).toEqual([true, false]);
});

test("a line has visible ends and no breaks; a text has at least one visible character", () => {
  const lines = ["Lan", "Lan Nguyễn", " Lan", "Lan ", "a\nb", "", "   "];
  expect(lines.map((value) => accepts(line(20), value))).toEqual([
    true,
    true,
    ...Array<boolean>(5).fill(false),
  ]);
  expect(["a\nb", " ", "\n", "x".repeat(21)].map((value) => accepts(text(20), value))).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test("a page is items and a cursor that may be null", () => {
  expect(accepts(page(Id), { items: [], page: { nextCursor: null, limit: 20 } })).toBe(true);
});
