import { expect, test } from "bun:test";

import { declareFields, type Json, normalizeInput, UnfitText } from "../../src/platform/text.ts";

declareFields(["a"]);

function refusal(input: unknown): string {
  try {
    normalizeInput(input as Json);
    return "accepted";
  } catch (error) {
    return error instanceof UnfitText ? `${error.field.pointer} ${error.field.code}` : "crashed";
  }
}

test("strings come out in NFC, wherever they stand", () => {
  const decomposed = "Nguyễn".normalize("NFD");
  expect(normalizeInput({ names: [decomposed] })).toEqual({ names: ["Nguyễn"] });
});

test("line breaks and tabs pass; other control characters and broken Unicode do not", () => {
  expect(normalizeInput("a\n\tb\r\n")).toBe("a\n\tb\r\n");
  expect(refusal({ a: "\u0000" })).toBe("/a control_character");
  expect(refusal(["\u009f"])).toBe("/0 control_character");
  expect(refusal({ a: "\ud800" })).toBe("/a broken_unicode");
});

test("keys that reach a prototype are refused at any depth", () => {
  expect(refusal(JSON.parse('{"a":[{"__proto__":{"x":1}}]}'))).toBe("/a/0 unknown");
  expect(refusal({ constructor: 1 })).toBe(" unknown");
});

test("what is too deep or too large is refused, not walked", () => {
  let deep: Json = 1;
  for (let count = 0; count < 1_000; count += 1) deep = [deep];
  expect(refusal(deep)).toContain("too_complex");
  expect(refusal(Array<number>(20_000).fill(1))).toContain("too_complex");
});

test("a pointer never repeats a key that no schema of ours declares", () => {
  expect(refusal({ canary: "\u0000" })).toBe(" control_character");
});
