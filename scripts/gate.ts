/**
 * The gate: format, lint, types, licences, secrets and tests. `gate.ts` runs all of it; `gate.ts test [paths…]` runs tests only.
 * The very last line it prints is `N passed, N failed`; a step other than the tests counts as one.
 */
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import { bundleServer } from "./gate/bundle.ts";
import { makeScratch } from "./gate/scratch.ts";

export interface Step {
  name: string;
  /** Arguments for Bun itself. */
  argv: string[];
  /** A step that takes longer hangs, and is killed. */
  limitMs: number;
  /** Where the step prints its own count of tests. */
  counts?: boolean;
}

export interface Count {
  passed: number;
  failed: number;
}

const ROOT = join(import.meta.dir, "..");
const STATIC_LIMIT_MS = 120_000;
const TESTS_LIMIT_MS = 20 * 60_000;
/** After SIGTERM a step gets this long to end its own children. */
const KILL_AFTER_MS = 5000;
/** A process that outlived its step may hold the pipe; what it prints is not waited for longer than this. */
const DRAIN_LIMIT_MS = 2000;
const SOURCES = ["src", "test", "scripts", "drizzle"];
/** Everything else in the environment could change a result, so tests do not see it. */
const PASSED_ON =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_.*|TERM|TMPDIR|CI|GITHUB_ACTIONS|XDG_.*|BUN_INSTALL|LD_LIBRARY_PATH|DYLD_.*|TEST_.*)$/;
/** Tests start servers and wait for them; one that takes longer than this has lost its signal. */
const TEST_LIMIT_MS = 30_000;
/** Tests mostly wait for servers: measured on two cores, three files at once beat two, and more gained nothing. */
const PARALLEL = availableParallelism() + 1;

const STATIC_STEPS: Step[] = [
  {
    name: "format",
    argv: ["fmt", "--check", "--no-script", "--ignore-pattern", "drizzle/meta/**"],
    limitMs: STATIC_LIMIT_MS,
  },
  { name: "lint", argv: ["node_modules/oxlint/bin/oxlint", ...SOURCES], limitMs: STATIC_LIMIT_MS },
  { name: "types", argv: ["check", "--no-script"], limitMs: STATIC_LIMIT_MS },
  { name: "licenses", argv: ["scripts/licenses.ts"], limitMs: STATIC_LIMIT_MS },
  { name: "secrets", argv: ["scripts/secrets.ts"], limitMs: STATIC_LIMIT_MS },
];

/** Runs what the arguments ask for. @returns the exit code. */
export async function runGate(args: string[]): Promise<number> {
  const patterns = args[0] === "test" ? args.slice(1) : args;
  const onlyTests = args.length > 0;
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => stopping.abort());
  }
  const counts: Count[] = [];
  const env = keepEnvironment(process.env);
  for (const step of onlyTests ? [] : STATIC_STEPS) {
    counts.push(await runStep(step, env, stopping.signal));
  }
  counts.push(await runTests(patterns, env, stopping.signal));
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

async function runTests(
  patterns: string[],
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<Count> {
  const scratch = await makeScratch();
  try {
    const databaseUrl = process.env.TEST_DATABASE_URL || process.env.DATABASE_URL;
    const redisUrl = process.env.TEST_REDIS_URL || process.env.REDIS_URL;
    // Imported here, so that a fault in there is a failed step and not the end of the gate.
    const { openEmbeddedServices } = await import("../src/platform/embedded/services.ts");
    await using services = await openEmbeddedServices({
      dataDir: join(scratch, "data"),
      postgres: !databaseUrl,
      redis: !redisUrl,
      durable: false,
      progress: (line) => console.log(line),
    });
    env.TEST_DATABASE_URL = databaseUrl || services.databaseUrl || "";
    env.TEST_REDIS_URL = redisUrl || services.redisUrl || "";
    env.TEST_MAIN = process.env.TEST_MAIN || (await bundleServer(join(scratch, "server")));
    const paths = patterns.length > 0 ? patterns : ["./test"];
    const argv = [
      "--no-orphans",
      "test",
      `--parallel=${PARALLEL}`,
      `--timeout=${TEST_LIMIT_MS}`,
      ...paths,
    ];
    const step = { name: "tests", argv, limitMs: TESTS_LIMIT_MS, counts: true };
    return await runStep(step, env, signal);
  } catch (error) {
    console.log(`tests: ${error instanceof Error ? error.message : String(error)}`);
    return { passed: 0, failed: 1 };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Runs one step, prints what it prints and how long it took, and counts it. */
export async function runStep(
  step: Step,
  env: Record<string, string>,
  signal: AbortSignal,
): Promise<Count> {
  console.log(`── ${step.name}`);
  const started = performance.now();
  const child = Bun.spawn([process.execPath, ...step.argv], {
    cwd: ROOT,
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let ended: string | undefined;
  function end(reason: string): void {
    ended ??= reason;
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS).unref();
  }
  const late = setTimeout(() => end(`hung for ${step.limitMs / 1000} s`), step.limitMs);
  const interrupt = () => end("was interrupted");
  if (signal.aborted) interrupt();
  signal.addEventListener("abort", interrupt);
  const output: string[] = [];
  const drained = Promise.all([echo(child.stdout, output), echo(child.stderr, output)]);
  const exitCode = await child.exited;
  clearTimeout(late);
  signal.removeEventListener("abort", interrupt);
  await Promise.race([drained, Bun.sleep(DRAIN_LIMIT_MS)]);
  const count = countStep(step, output.join(""), ended === undefined ? exitCode : 1);
  const verdict = ended ?? (count.failed === 0 ? "passed" : "failed");
  console.log(
    `── ${step.name} ${verdict} after ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  return count;
}

/** What a step adds to the last line. Tests that end without a count, or count none, have failed. */
export function countStep(step: Step, output: string, exitCode: number): Count {
  const isFine = exitCode === 0;
  if (step.counts !== true) return isFine ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  const passed = lastNumber(output, /^ *(\d+) pass$/gm);
  const failed = lastNumber(output, /^ *(\d+) fail$/gm);
  const isSuccess = isFine && passed > 0;
  return { passed, failed: isSuccess ? failed : Math.max(1, failed) };
}

function lastNumber(output: string, pattern: RegExp): number {
  return Number([...Bun.stripANSI(output).matchAll(pattern)].at(-1)?.[1] ?? 0);
}

/** Leaves only what a child needs to run at all, so that an exported setting cannot change a result. */
export function keepEnvironment(env: Record<string, string | undefined>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && PASSED_ON.test(name)) kept[name] = value;
  }
  return kept;
}

async function echo(stream: ReadableStream<Uint8Array>, output: string[]): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const text = decoder.decode(chunk, { stream: true });
    output.push(text);
    process.stdout.write(text);
  }
}

if (import.meta.main) process.exit(await runGate(process.argv.slice(2)));
