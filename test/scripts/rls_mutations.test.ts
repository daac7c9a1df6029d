import { expect, test } from "bun:test";
import { join } from "node:path";

import { weaken } from "../../scripts/security/rls_mutants.ts";
import { testServices } from "../support/services.ts";

const ROOT = join(import.meta.dir, "..", "..");
const SCRIPT = join(ROOT, "scripts", "security", "rls_mutations.ts");
/** Five runs of the proof, each a process of its own, on a machine that others keep busy. */
const LIMIT_MS = 120_000;
const BREAKS = [
  "conversations: no force",
  "messages_app_insert: with check true",
  "accounts: select (email) revoked from app",
];

async function run(...texts: string[]): Promise<{ code: number; output: string }> {
  await testServices();
  await using child = Bun.spawn([process.execPath, "--no-orphans", SCRIPT, ...texts], {
    cwd: ROOT,
    stdout: "pipe",
    stderr: "inherit",
  });
  return { output: await child.stdout.text(), code: await child.exited };
}

test(
  "a policy, FORCE or privilege that is taken away is noticed by a test with a name",
  async () => {
    const { code, output } = await run(...BREAKS);
    const killed = [...output.matchAll(/^killed +(.+)\n +by (.+)$/gm)];
    expect(new Set(killed.map((match) => match[1]))).toEqual(new Set(BREAKS));
    for (const [, , killer] of killed) expect(killer).toMatch(/^\w+ > (?:as|the|each) /);
    expect(code).toBe(0);
  },
  LIMIT_MS,
);

test("a run that breaks nothing proves nothing", async () => {
  const { code, output } = await run("there is no such policy");
  expect(output).toContain("Nothing of what could be broken");
  expect(code).toBe(1);
});

test("a condition is taken out wherever it stands, and what has none is left alone", () => {
  expect(weaken(null)).toEqual([]);
  expect(weaken("true")).toEqual([]);
  expect(weaken("(a = 1)").map(({ expression }) => expression)).toEqual(["true"]);
  const nested = "((a = 1) AND (EXISTS ( SELECT 1 WHERE ((b = 2) OR c))))";
  expect(weaken(nested).map(({ expression }) => expression)).toEqual([
    "true",
    "((a = 1) AND (EXISTS ( SELECT 1 WHERE (false OR c))))",
    "((a = 1) AND (EXISTS ( SELECT 1 WHERE ((b = 2) OR false))))",
    "(true AND (EXISTS ( SELECT 1 WHERE ((b = 2) OR c))))",
    "((a = 1) AND true)",
  ]);
});
