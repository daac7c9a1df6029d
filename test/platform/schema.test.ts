import { expect, test } from "bun:test";

import { TypeCompiler } from "@sinclair/typebox/compiler";

import {
  characters,
  Id,
  integerParameter,
  line,
  object,
  page,
  text,
  Time,
} from "../../src/platform/schema.ts";

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

test("nobody hides in a line: what shows nothing, or turns round what stands beside it, is refused", () => {
  const hidden = ["\u00ad", "\u115f", "\u200b", "\u202e", "\u2066", "\u2028", "\u3164", "\ufeff"];
  for (const one of hidden)
    for (const value of [one, `${one}Lan`, `La${one}n`, `Lan${one}`])
      expect([JSON.stringify(value), accepts(line(20), value)]).toEqual([
        JSON.stringify(value),
        false,
      ]);
  // A joiner makes one picture of several, and one letter of two; alone it shows nothing.
  expect(
    ["👨‍👩‍👧", "🏳️‍🌈", "ក្\u200cក", "Nguyễn", "محمد"].map((value) => accepts(line(20), value)),
  ).toEqual(Array<boolean>(5).fill(true));
  for (const joiner of ["\u200c", "\u200d"]) expect(accepts(line(20), joiner)).toBe(false);
});

test("characters are counted as JSON Schema counts them, and documented as a string", () => {
  const schema = characters({ minLength: 2, maxLength: 3 }, { description: "Short." });
  const texts = ["🐙🍋", "🐙🍋🚲", "ab", "abc", "🐙", "🐙🍋🚲🎻", "a", "abcd", "", 12, null];
  expect(texts.map((value) => accepts(schema, value))).toEqual([
    ...Array<boolean>(4).fill(true),
    ...Array<boolean>(7).fill(false),
  ]);
  const document: unknown = JSON.parse(JSON.stringify(schema));
  expect(document).toEqual({ type: "string", minLength: 2, maxLength: 3, description: "Short." });
});

test("a page is items and a cursor that may be null", () => {
  expect(accepts(page(Id), { items: [], page: { nextCursor: null, limit: 20 } })).toBe(true);
});

test("a whole number in a query is decimal digits within its range, and is documented as an integer", () => {
  const schema = integerParameter({ minimum: 1, maximum: 100, default: 20 });
  for (const value of ["1", "100", "007", 5])
    expect([value, accepts(schema, value)]).toEqual([value, true]);
  const refused = [
    "0",
    "101",
    "-5",
    "1e1",
    "0x10",
    " 5",
    "5.0",
    "+5",
    "",
    "5\n",
    "٥",
    0,
    5.5,
    NaN,
    null,
    [5],
  ];
  for (const value of refused) expect([value, accepts(schema, value)]).toEqual([value, false]);
  const document: unknown = JSON.parse(JSON.stringify(schema));
  expect(document).toEqual({ type: "integer", minimum: 1, maximum: 100, default: 20 });
});

test("a time is RFC 3339 in UTC, of a day that exists", () => {
  const time = TypeCompiler.Compile(Time);
  for (const good of ["2026-11-23T02:15:00Z", "2024-02-29T23:59:59.123Z", "2026-01-31T00:00:00Z"])
    expect(time.Check(good)).toBe(true);
  for (const bad of [
    "2026-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T02:15:00+07:00",
    "2026-11-23",
    "Mon Nov 23 2026",
    "",
  ])
    expect(time.Check(bad)).toBe(false);
});
