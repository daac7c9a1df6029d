/**
 * Measures the product beside its peers, all in one run: `bench.ts` lists the benches, `bench.ts NAME…` runs them,
 * `bench.ts all` runs every one, and `bench.ts auth` those of signing in and being let in. With `--check` a missed goal is a failure.
 */
import { chat } from "./bench/benches/chat.ts";
import { fanout } from "./bench/benches/fanout.ts";
import { gate } from "./bench/benches/gate.ts";
import { login } from "./bench/benches/login.ts";
import { me } from "./bench/benches/me.ts";
import { rls } from "./bench/benches/rls.ts";
import { bystanderNotes } from "./bench/busy.ts";
import type { Bench } from "./bench/contract.ts";
import { exitCodeOf, formatReport, writeRows } from "./bench/report.ts";
import { openStage } from "./bench/stage.ts";

const BENCHES: Bench[] = [gate, me, login, fanout, chat, rls];
/** Benches that answer one question together. */
const GROUPS: Record<string, Bench[]> = { auth: [gate, me, login, rls], all: BENCHES };
/** A bench that takes longer hangs. */
const LIMIT_MS = 900_000;

const dataDir = Bun.env["DATA_DIR"] || ".data";
const stop = new AbortController();

/** Runs one bench, prints its table and writes its rows. @returns the exit code. */
async function runBench(bench: Bench, check: boolean): Promise<number> {
  const startedAt = performance.now();
  const limit = AbortSignal.any([stop.signal, AbortSignal.timeout(LIMIT_MS)]);
  const progress = (line: string) => {
    if (!limit.aborted) console.error(`${bench.name}: ${line}`);
  };
  const warnings = await bystanderNotes();
  await using stage = await openStage(progress);
  const { rows, notes } = await Promise.race([bench.run(stage), aborted(limit)]);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  console.log(formatReport(bench, { rows, notes: [...warnings, ...notes] }));
  const path = await writeRows(dataDir, bench.name, rows);
  console.log(`· took ${seconds} s; rows are in ${path}\n`);
  return exitCodeOf(rows, bench.goals, { check });
}

async function aborted(signal: AbortSignal): Promise<never> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve());
  if (signal.aborted) resolve();
  await promise;
  throw new Error(stop.signal.aborted ? "interrupted" : `hung for ${LIMIT_MS / 1_000} s`);
}

/** Undefined where nothing is named, or something that is no bench. */
function chooseBenches(names: string[]): Set<Bench> | undefined {
  const known = new Map<string, Bench[]>(Object.entries(GROUPS));
  for (const bench of BENCHES) known.set(bench.name, [bench]);
  if (names.length === 0 || names.some((name) => !known.has(name))) return undefined;
  return new Set(names.flatMap((name) => known.get(name) ?? []));
}

async function main(args: string[]): Promise<number> {
  const names = args.filter((arg) => !arg.startsWith("--"));
  const chosen = chooseBenches(names);
  if (!chosen) {
    for (const { name, title } of BENCHES) console.log(`${name.padEnd(10)}${title}`);
    for (const [name, group] of Object.entries(GROUPS))
      console.log(`${name.padEnd(10)}${group.map((bench) => bench.name).join(", ")}`);
    return names.length === 0 ? 0 : 1;
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => stop.abort());
  let worst = 0;
  for (const bench of chosen) {
    if (stop.signal.aborted) return 1;
    const code = await runBench(bench, args.includes("--check")).catch((error: unknown) => {
      console.error(`${bench.name}: ${error instanceof Error ? error.message : String(error)}`);
      return 1;
    });
    worst = Math.max(worst, code);
  }
  return worst;
}

process.exit(await main(process.argv.slice(2)));
