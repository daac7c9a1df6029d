import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { countStep, keepEnvironment, runStep, type Step } from "../scripts/gate.ts";

const GATE = join(import.meta.dir, "../scripts/gate.ts");
const TESTS: Step = { name: "tests", argv: [], limitMs: 1000, counts: true };
const never = new AbortController().signal;

const dir = await mkdtemp(join(tmpdir(), "frm-gate-test-"));
afterAll(() => rm(dir, { recursive: true, force: true }));

test.each([
  { why: "all passed", output: " 3 pass\n 0 fail\n", exitCode: 0, passed: 3, failed: 0 },
  { why: "some failed", output: " 3 pass\n 2 fail\n", exitCode: 1, passed: 3, failed: 2 },
  { why: "a bad end", output: " 3 pass\n 0 fail\n", exitCode: 137, passed: 3, failed: 1 },
  { why: "no tests at all", output: " 0 pass\n 0 fail\n", exitCode: 0, passed: 0, failed: 1 },
  { why: "no count at all", output: "Segmentation fault", exitCode: 0, passed: 0, failed: 1 },
  { why: "a count in a test", output: " 9 pass\n 1 pass\n", exitCode: 0, passed: 1, failed: 0 },
  { why: "colours", output: "\u001b[32m 4 pass\u001b[0m\n", exitCode: 0, passed: 4, failed: 0 },
])("countStep: $why", ({ output, exitCode, passed, failed }) => {
  expect(countStep(TESTS, output, exitCode)).toEqual({ passed, failed });
});

test("a step without tests counts as one", () => {
  const lint = { name: "lint", argv: [], limitMs: 1000 };
  expect(countStep(lint, "", 0)).toEqual({ passed: 1, failed: 0 });
  expect(countStep(lint, " 5 pass\n 0 fail", 1)).toEqual({ passed: 0, failed: 1 });
});

test("an exported setting does not reach the tests", () => {
  const kept = keepEnvironment({
    PATH: "/bin",
    TEST_DATABASE_URL: "postgres://x",
    PORT: "1",
    DATA_DIR: "x",
    DATABASE_URL: "x",
    NODE_ENV: "production",
    RESEND_API_KEY: "x",
  });
  expect(kept).toEqual({ PATH: "/bin", TEST_DATABASE_URL: "postgres://x" });
});

test("a step that hangs is killed, and has failed", async () => {
  const argv = ["-e", "process.on('SIGINT', () => {}); setInterval(() => {}, 1000)"];
  const hung = await runStep({ name: "hang", argv, limitMs: 100 }, {}, never);
  expect(hung).toEqual({ passed: 0, failed: 1 });
  const stopped = AbortSignal.abort();
  const interrupted = await runStep({ name: "stop", argv, limitMs: 60_000 }, {}, stopped);
  expect(interrupted).toEqual({ passed: 0, failed: 1 });
});

test("the last line of a run is its count, and failures decide the exit code", async () => {
  const good = `import { test } from "bun:test";\ntest("a", () => {});\n`;
  const bad = `${good}test("b", () => { throw new Error("no"); });\n`;
  const gone = `import { test } from "bun:test";\ntest("c", () => process.exit(0));\n`;
  expect(await runGate({ good })).toEqual(["1 passed, 0 failed", 0]);
  expect(await runGate({ good, bad, gone })).toEqual(["2 passed, 2 failed", 1]);
  expect(await runGate({})).toEqual(["0 passed, 1 failed", 1]);
});

/** Runs the tests-only gate over files with these contents. */
async function runGate(files: Record<string, string>): Promise<[string, number]> {
  const folder = await mkdtemp(join(dir, "run-"));
  const paths = Object.keys(files).map((name) => join(folder, `${name}.test.ts`));
  await Promise.all(paths.map((path, index) => Bun.write(path, Object.values(files)[index] ?? "")));
  const patterns = paths.length > 0 ? paths : [join(folder, "none.test.ts")];
  const child = Bun.spawn([process.execPath, GATE, "test", ...patterns], {
    env: {
      ...process.env,
      TEST_DATABASE_URL: "postgres://unused",
      TEST_REDIS_URL: "redis://unused",
    },
    stdout: "pipe",
    stderr: "ignore",
  });
  const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  return [output.trimEnd().split("\n").at(-1) ?? "", exitCode];
}
