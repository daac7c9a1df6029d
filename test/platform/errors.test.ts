import { expect, test } from "bun:test";

import { defineError, listErrors } from "../../src/platform/errors.ts";

test("a code is defined once, so that it has one meaning", () => {
  const [known] = listErrors();
  expect(() => defineError(known?.code ?? "", 400, { en: "", vi: "" })).toThrow("already defined");
});

test("every error has a stable code, a status and a title in both languages", () => {
  expect(listErrors().length).toBeGreaterThan(15);
  for (const { code, status, title } of listErrors()) {
    expect(code).toMatch(/^[a-z][a-z_]+$/);
    expect(status >= 400 && status < 600).toBe(true);
    expect(title.en.length > 0 && title.vi.length > 0).toBe(true);
  }
});
