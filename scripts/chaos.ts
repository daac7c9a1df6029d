/**
 * Breaks real instances on purpose and checks that nothing is lost: `chaos.ts` lists what there is, `chaos.ts NAME` runs
 * one of them and hands it what stands behind its name, and `chaos.ts all` runs every one. Each is a file in
 * `scripts/chaos` that says what it does in its first comment, exports one function `run`, and prints what it has checked.
 */
import { join } from "node:path";

import { closeTestServices } from "../test/support/services.ts";

/** What a file in `scripts/chaos` exports. It throws when something was lost. */
export interface Chaos {
  run: (options: ChaosOptions) => Promise<void>;
}

export interface ChaosOptions {
  /** What stood behind the name, for `parseArgs`. */
  args: string[];
  /** Aborts when somebody interrupts the run or it takes too long. */
  signal: AbortSignal;
  /** Prints one line. */
  print: (line: string) => void;
}

const FOLDER = join(import.meta.dir, "chaos");
/** One that takes longer hangs. */
const LIMIT_MS = 3 * 3_600_000;

const interrupt = new AbortController();

async function listNames(): Promise<string[]> {
  return [...new Bun.Glob("*.ts").scanSync(FOLDER)].map((file) => file.slice(0, -3)).toSorted();
}

/** The first sentence of the file's first comment. */
async function describe(name: string): Promise<string> {
  const source = await Bun.file(join(FOLDER, `${name}.ts`)).text();
  const comment = /\/\*\*([^]*?)\*\//.exec(source)?.[1] ?? "";
  const text = comment.replaceAll(/\s*\n\s*\*\s?/g, " ").trim();
  return /^.*?[.:](?=\s|$)/.exec(text)?.[0] ?? text;
}

/** @returns whether nothing was lost. */
async function runOne(name: string, args: string[]): Promise<boolean> {
  const startedAt = performance.now();
  const signal = AbortSignal.any([interrupt.signal, AbortSignal.timeout(LIMIT_MS)]);
  const print = (line: string) => console.log(`${name}: ${line}`);
  const seconds = () => ((performance.now() - startedAt) / 1_000).toFixed(1);
  try {
    const { run } = (await import(join(FOLDER, `${name}.ts`))) as Chaos;
    await Promise.race([run({ args, signal, print }), aborted(signal)]);
    print(`passed in ${seconds()} s`);
    return true;
  } catch (error) {
    print(`FAILED after ${seconds()} s`);
    console.error(error);
    return false;
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve());
  if (signal.aborted) resolve();
  await promise;
  throw new Error(interrupt.signal.aborted ? "interrupted" : "it has hung");
}

async function main([name, ...args]: string[]): Promise<number> {
  const names = await listNames();
  const chosen = name === "all" ? names : names.filter((known) => known === name);
  if (chosen.length === 0) {
    for (const known of names) console.log(`${known.padEnd(16)}${await describe(known)}`);
    return name === undefined ? 0 : 1;
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => interrupt.abort());
  let failures = 0;
  for (const each of chosen) if (!(await runOne(each, args))) failures += 1;
  return failures === 0 ? 0 : 1;
}

const code = await main(process.argv.slice(2));
await closeTestServices();
process.exit(code);
