/**
 * Fuzzes a real instance much longer than the gate does: `--runs` requests for each seed, one seed after the other from
 * `--seed` on, until `--seconds` are over. A failure ends it and is printed with the seed, and with the path at which
 * `--path` makes the very request again.
 */
import { parseArgs } from "node:util";

import { generateSigningKey } from "../src/platform/tokens.ts";
import { fuzz, type FuzzReport } from "../test/support/fuzz.ts";
import { mailLinks } from "../test/support/fuzz_links.ts";
import { openProduct } from "../test/support/fuzz_product.ts";
import { openCluster } from "../test/support/instance.ts";
import { closeTestServices } from "../test/support/services.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "20261123" },
    path: { type: "string" },
    runs: { type: "string", default: "2000" },
    seconds: { type: "string", default: "300" },
  },
});

/** @returns the exit code. */
async function runFuzz(): Promise<number> {
  const [firstSeed, runs, seconds] = [values.seed, values.runs, values.seconds].map(readNumber);
  const deadline = performance.now() + (seconds ?? 0) * 1_000;
  const outcomes: FuzzReport["outcomes"] = {};
  let requests = 0;
  for (let seed = firstSeed ?? 0; performance.now() < deadline; seed += 1) {
    const report = await fuzzOnce(seed, { runs: runs ?? 0, limitMs: deadline - performance.now() });
    requests += report.requests;
    addOutcomes(outcomes, report.outcomes);
    console.log(`seed ${seed}: ${report.requests} requests`);
    // A path belongs to one seed, and to the grammar of the moment at which it was printed.
    if (!report.failure && values.path !== undefined) break;
    if (!report.failure) continue;
    console.log(`\n${report.failure.text}`);
    console.log(`\n${requests} requests, and one answer that breaks a rule`);
    return 1;
  }
  for (const [operation, counts] of sorted(outcomes))
    console.log(`${operation}: ${describe(counts)}`);
  console.log(`${requests} requests, and no answer that breaks a rule`);
  return requests > 0 ? 0 : 1;
}

/** Each seed has a database and an instance of its own, so that it can be made again by itself. */
async function fuzzOnce(
  seed: number,
  { runs, limitMs }: { runs: number; limitMs: number },
): Promise<FuzzReport> {
  await using cluster = await openCluster();
  const key = await generateSigningKey();
  const env = {
    JWT_KEYS: JSON.stringify([key]),
    LIMITS_SCALE: "1000000",
    LOG_LEVEL: "debug",
    ROLE: "api,socket,relay",
  };
  const server = await cluster.start(env);
  const links = await mailLinks(cluster, server, env);
  const target = await openProduct(cluster, server, { key, links });
  const { path } = values;
  return await fuzz(target, { seed, runs, limitMs, ...(path === undefined ? {} : { path }) });
}

function addOutcomes(sum: FuzzReport["outcomes"], more: FuzzReport["outcomes"]): void {
  for (const [operation, counts] of Object.entries(more)) {
    const known = (sum[operation] ??= {});
    for (const [outcome, count] of Object.entries(counts))
      known[outcome] = (known[outcome] ?? 0) + count;
  }
}

function describe(counts: Record<string, number>): string {
  return sorted(counts)
    .map(([outcome, count]) => `${outcome} × ${count}`)
    .join(", ");
}

function sorted<T>(record: Record<string, T>): [string, T][] {
  return Object.entries(record).toSorted(([a], [b]) => a.localeCompare(b));
}

function readNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`Cannot read "${text}": it is no whole number`);
  return Number(text);
}

try {
  process.exitCode = await runFuzz();
} finally {
  await closeTestServices();
}
