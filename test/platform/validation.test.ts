import { expect, test } from "bun:test";

import { TypeCompiler } from "@sinclair/typebox/compiler";
import { t } from "elysia";

import { characters, integerParameter, object } from "../../src/platform/schema.ts";
import { explain } from "../../src/platform/validation.ts";

const check = TypeCompiler.Compile(
  object({ name: t.String({ minLength: 2, maxLength: 4 }), kind: t.Literal("a") }),
);

test("each wrong place is named once, with a code", () => {
  const found = explain(check, { name: "x" });
  expect(found.map(({ pointer, code }) => `${pointer} ${code}`)).toEqual([
    "/kind required",
    "/name too_short",
  ]);
});

test("a text that counts in characters is told what any other text is", () => {
  const words = TypeCompiler.Compile(object({ a: characters({ minLength: 2, maxLength: 3 }) }));
  const codes = [{}, { a: 12 }, { a: "🐙" }, { a: "🐙🍋🚲🎻" }, { a: "🐙🍋" }].map((value) =>
    explain(words, value).map(({ pointer, code }) => `${pointer} ${code}`),
  );
  expect(codes).toEqual([["/a required"], ["/a type"], ["/a too_short"], ["/a too_long"], []]);
});

test("neither a value nor an unknown field's name is repeated", () => {
  const found = explain(check, { name: "canary-value", kind: "canary", canaryField: 1 });
  expect(JSON.stringify(found)).not.toContain("canary");
  expect(found.length).toBe(3);
});

test("a hostile body gets a short answer", () => {
  const many = TypeCompiler.Compile(t.Array(t.Number()));
  expect(explain(many, Array<string>(5_000).fill("x")).length).toBe(10);
});

test("a number in a query is told from one that is out of its range", () => {
  const query = TypeCompiler.Compile(
    object({ limit: integerParameter({ minimum: 1, maximum: 100 }) }),
  );
  const codes = ["1e1", "0x10", " 5", "5.0", "+5", "", "0", "-1", "101", "9".repeat(30)].map(
    (limit) => explain(query, { limit }).map(({ pointer, code }) => `${pointer} ${code}`),
  );
  expect(codes.flat()).toEqual([
    ...Array<string>(6).fill("/limit type"),
    "/limit too_small",
    "/limit too_small",
    "/limit too_large",
    "/limit too_large",
  ]);
});
