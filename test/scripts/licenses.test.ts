import { expect, test } from "bun:test";
import { join } from "node:path";

import { checkLicenses, licenseOf } from "../../scripts/licenses.ts";
import type { LockedPackage, Scope } from "../../scripts/lockfile.ts";
import { isAllowed, parseExpression } from "../../scripts/spdx.ts";

const ALLOWED = new Set(["MIT", "Apache-2.0"]);

test.each([
  ["MIT", true],
  ["(MIT)", true],
  ["mit", false],
  ["GPL-3.0-only", false],
  ["MIT OR GPL-3.0-only", true],
  ["MIT AND GPL-3.0-only", false],
  ["GPL-3.0-only OR MIT AND Apache-2.0", true],
  ["(GPL-3.0-only OR MIT) AND AGPL-3.0-only", false],
  ["GPL-2.0-only or mpl OR (Apache-2.0 and MIT)", true],
  ["Apache-2.0 WITH LLVM-exception", true],
  ["GPL-2.0-only WITH Classpath-exception-2.0", false],
  ["Apache-2.0+", true],
] as const)("the licence %j is allowed: %p", (text, allowed) => {
  expect(isAllowed(parseExpression(text), ALLOWED)).toBe(allowed);
});

test.each([
  "",
  "MIT OR",
  "OR MIT",
  "(MIT",
  "MIT)",
  "MIT Apache-2.0",
  "MIT WITH",
  "SEE LICENSE IN LICENSE.txt",
  "MIT/Apache-2.0",
  "()",
  "(".repeat(1000),
])("%j is no licence", (text) => {
  expect(() => parseExpression(text)).toThrow("Cannot read the licence");
});

test("the licence of a package is read in its forms of today and of old", () => {
  expect(licenseOf({ license: "MIT" })).toBe("MIT");
  expect(licenseOf({ license: { type: "ISC" } })).toBe("ISC");
  expect(licenseOf({ licenses: [{ type: "MIT" }, { type: "GPL-2.0" }] })).toBe("MIT OR GPL-2.0");
  for (const none of [{}, { license: "" }, { licenses: [] }, { license: null }, { license: 1 }])
    expect(licenseOf(none)).toBeUndefined();
});

function licensed(license: string | undefined, scope: Scope = "required") {
  const locked: LockedPackage = {
    key: "a",
    name: "a",
    version: "1.0.0",
    integrity: "sha512-",
    dependencies: [],
    scope,
    forOnePlatform: false,
    folder: "node_modules/a",
  };
  return [{ package: locked, license }];
}

test("a licence with conditions is refused in the product, and the mild ones are not in tools", () => {
  expect(checkLicenses(licensed("MIT"), {})).toEqual([]);
  expect(checkLicenses(licensed("MPL-2.0", "excluded"), {})).toEqual([]);
  for (const scope of ["required", "optional"] as const)
    expect(checkLicenses(licensed("MPL-2.0", scope), {})).toEqual([
      `a: a@1.0.0 (${scope}): "MPL-2.0" is not allowed here`,
    ]);
  for (const license of ["AGPL-3.0-only", "UNLICENSED", "SEE LICENSE IN x", undefined])
    expect(checkLicenses(licensed(license, "excluded"), {})).toHaveLength(1);
});

test("an excuse stands for one version, needs a reason, and goes when it is not needed", () => {
  const excuse = { license: "MIT", reason: "its LICENSE file is MIT" };
  expect(checkLicenses(licensed(undefined), { "a@1.0.0": excuse })).toEqual([]);
  expect(checkLicenses(licensed(undefined), { "a@1.0.1": excuse })).toHaveLength(2);
  expect(checkLicenses(licensed("MIT"), { "a@1.0.0": excuse })).toHaveLength(1);
  expect(checkLicenses(licensed(undefined), { "a@1.0.0": { ...excuse, reason: "" } })).toEqual([
    "a@1.0.0: excused without a reason: say why",
  ]);
  const bad = { ...excuse, license: "GPL-3.0-only" };
  expect(checkLicenses(licensed(undefined), { "a@1.0.0": bad })).toHaveLength(1);
});

test("every package that is installed here may be used", async () => {
  const check = Bun.spawn([process.execPath, "scripts/licenses.ts"], {
    cwd: join(import.meta.dir, "../.."),
    stdout: "pipe",
  });
  const [output, exitCode] = await Promise.all([check.stdout.text(), check.exited]);
  expect(output).toMatch(/^\d{2,} packages, 0 problems; \d+ are for other machines$/m);
  expect(output).toContain("elysia@");
  expect(exitCode).toBe(0);
});
