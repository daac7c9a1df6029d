import { expect, test } from "bun:test";

import { AppError, NotFound } from "../../src/platform/errors.ts";
import { judge, localeOf, problems, toProblem } from "../../src/platform/problems.ts";

test("an expected error keeps its kind, and anything else is a bug that tells nothing", () => {
  expect(judge(new AppError(NotFound, "x")).kind.code).toBe("not_found");
  const verdict = judge(new TypeError("select * from secrets"));
  expect([verdict.kind.code, verdict.bug]).toEqual(["internal", true]);
  const problem = toProblem(verdict.error, { locale: "en", requestId: "r" });
  expect(JSON.stringify(problem)).not.toContain("secrets");
});

test("a problem has the fields of RFC 9457, its code, and the language that was asked for", () => {
  const problem = toProblem(new AppError(NotFound, "x"), { locale: "vi", requestId: "r1" });
  expect(problem).toEqual({
    type: "urn:frm-ai:error:not_found",
    title: NotFound.title.vi,
    status: 404,
    code: "not_found",
    detail: NotFound.title.vi,
    instance: "urn:request:r1",
    requestId: "r1",
  });
});

test("errors are grouped by status for the documentation of a route", () => {
  expect(Object.keys(problems(NotFound))).toEqual(["404"]);
});

test("the first language that we speak wins, and English is the default", () => {
  expect(["fr, vi;q=0.8, en", "en-GB", "xx", null].map(localeOf)).toEqual(["vi", "en", "en", "en"]);
});
