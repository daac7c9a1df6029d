import { expect, test } from "bun:test";
import { join } from "node:path";

import { weaken, weakenBody } from "../../scripts/security/rls_mutants.ts";
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

test("a function loses one condition at a time, of each of its statements and queries within them", () => {
  const body = `insert into t select 1 where mine(1) on conflict do nothing;
    delete from t where t.a = 1;
    select u.a from t u
    where (u.b is null or u.a in (select v.a from t v where v.c = 1 limit 9)) and u.b = 2
    order by 1
  $$`;
  expect(weakenBody(body).map(({ what }) => what)).toEqual([
    "without mine(1)",
    "without t.a = 1",
    "without (u.b is null or u.a in (select v.a from t v where v.c = 1 limit 9))",
    "without u.b = 2",
    "without u.b is null",
    "without u.a in (select v.a from t v where v.c = 1 limit 9)",
    "without v.c = 1",
  ]);
  for (const { expression } of weakenBody(body)) expect(expression).toMatch(/true|false/);
});

test("conditions that read alike have names of their own", () => {
  const names = weaken("((a AND b) OR (a AND c))").map(({ what }) => what);
  expect(new Set(names).size).toBe(names.length);
});
