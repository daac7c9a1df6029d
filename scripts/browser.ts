/**
 * Tests in a real browser. It brings Chromium, builds the client package and the Next.js app of test/nextjs, type-checks
 * that app, and runs test/browser against real instances. Like the gate, it ends with `N passed, N failed`.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

import {
  type AppCopy,
  buildStep,
  checkStep,
  copyApp,
  installStep,
  typegenStep,
} from "./browser/app.ts";
import { ChromiumError, prepareChromium } from "./browser/chromium.ts";
import { type Count, keepEnvironment, runGate, runStep, type Step } from "./gate.ts";

const ROOT = join(import.meta.dir, "..");
const CLIENT_LIMIT_MS = 2 * 60_000;
/**
 * Builds of the app, by name: each is for one instance. Two of them are the sides of a conversation; files of tests that
 * run at the same time share none.
 */
const BUILDS = ["first", "second", "mail", "session", "chat"];

/** @returns the exit code. */
async function runBrowserTests(patterns: string[]): Promise<number> {
  const files = findTests(patterns);
  if (files.length === 0) {
    console.log(`Cannot find a test in test/browser for "${patterns.join(" ")}"`);
    console.log("0 passed, 1 failed");
    return 1;
  }
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => stopping.abort());
  }
  await mkdir(join(ROOT, ".data"), { recursive: true });
  const work = await mkdtemp(join(ROOT, ".data", "browser-"));
  try {
    // Whatever a test leaves behind when it is interrupted goes with this folder.
    process.env["TEST_BROWSER_DIR"] = work;
    process.env["TEST_CHROMIUM"] = await prepareChromium((line) => console.log(line));
    const names = await listBuilds(files);
    const apps = await prepareApps(work, { names, signal: stopping.signal });
    process.env["TEST_APPS"] = JSON.stringify(apps);
    return await runGate(["test", ...files]);
  } catch (error) {
    if (!(error instanceof StepFailed || error instanceof ChromiumError)) throw error;
    console.log(error.message);
    console.log("0 passed, 1 failed");
    return 1;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The builds that these files name. */
async function listBuilds(files: string[]): Promise<string[]> {
  const texts = await Promise.all(files.map((path) => Bun.file(join(ROOT, path)).text()));
  return BUILDS.filter((name) => texts.some((text) => text.includes(`"${name}"`)));
}

class StepFailed extends Error {}

/**
 * The files whose name contains one of the words; all of them where there is no word. Bun takes a path only as it is, so
 * these files stay out of `bun test ./test`, and a word alone would lead it to the tests of the gate.
 */
function findTests(words: string[]): string[] {
  const all = [...new Bun.Glob("test/browser/*.browser.ts").scanSync(ROOT)];
  const fits = (path: string) => words.length === 0 || words.some((word) => path.includes(word));
  return all
    .filter(fits)
    .map((path) => `./${path}`)
    .sort();
}

type NamedCopy = AppCopy & { name: string };

/** Production builds of the app, each for an instance of its own. @throws StepFailed */
async function prepareApps(
  work: string,
  { names, signal }: { names: string[]; signal: AbortSignal },
): Promise<NamedCopy[]> {
  const env = { ...keepEnvironment(process.env), NEXT_TELEMETRY_DISABLED: "1" };
  async function must(step: Step, more: Record<string, string> = {}): Promise<void> {
    const count: Count = await runStep(step, { ...env, ...more }, signal);
    if (count.failed > 0) throw new StepFailed(`Cannot go on after "${step.name}"`);
  }
  const argv = ["--no-orphans", join(ROOT, "scripts", "client.ts")];
  await must({ name: "client", argv, limitMs: CLIENT_LIMIT_MS }, { DATA_DIR: work });
  const copies: NamedCopy[] = [];
  for (const name of names) {
    const copy = { name, ...(await copyApp(join(work, name), join(work, "client"))) };
    await must(installStep(copy));
    if (copies.length === 0) {
      await must(typegenStep(copy));
      await must(checkStep(copy));
    }
    await must(buildStep(copy), { FRM_API_URL: `http://127.0.0.1:${copy.apiPort}` });
    copies.push(copy);
  }
  return copies;
}

if (import.meta.main) process.exit(await runBrowserTests(process.argv.slice(2)));
