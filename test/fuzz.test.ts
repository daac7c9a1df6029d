import { afterAll, beforeAll, expect, test } from "bun:test";

import { generateSigningKey } from "../src/platform/tokens.ts";
import { type Bug, BUGS, openBroken } from "./support/broken_server.ts";
import { fuzz, type Target } from "./support/fuzz.ts";
import { openProduct } from "./support/fuzz_product.ts";
import { type Cluster, openCluster } from "./support/instance.ts";

/** Another seed makes other requests; a failure names its own, so that it can be made again. */
const SEED = Number(process.env["TEST_FUZZ_SEED"] ?? 20_261_123);
const RUNS = 900;
const LIMIT_MS = 20_000;
/** Requests within which every seeded bug has to be found. */
const RUNS_FOR_A_BUG = 2_000;
const BUG_LIMIT_MS = 20_000;

let cluster: Cluster;
let product: Target;

beforeAll(async () => {
  cluster = await openCluster();
  const key = await generateSigningKey();
  const env = {
    JWT_KEYS: JSON.stringify([key]),
    LIMITS_SCALE: "1000000",
    LOG_LEVEL: "debug",
    // A job that ends later would look like an effect of whatever was asked meanwhile.
    ROLE: "api,socket,relay",
  };
  product = await openProduct(cluster, await cluster.start(env), { key });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

test(`no request of seed ${SEED} gets an answer that breaks a rule, or changes a row by being refused`, async () => {
  const report = await fuzz(product, { seed: SEED, runs: RUNS, limitMs: LIMIT_MS });
  expect(report.failure?.text).toBeUndefined();
  // Refusals alone would prove little: most operations must have done what they are for, in the time that there was.
  const ids = product.grammar.operations.map(({ operation }) => operation.operationId);
  const useful = ids.filter((id) =>
    Object.keys(report.outcomes[id] ?? {}).some((outcome) => /^[12]/.test(outcome)),
  );
  const share = report.requests / RUNS;
  expect(share).toBeGreaterThan(0.1);
  expect(Object.keys(report.outcomes).length).toBeGreaterThan(ids.length * share * 0.9);
  expect(useful.length).toBeGreaterThan(ids.length * share * 0.6);
});

test("a server without a bug passes", async () => {
  await using broken = openBroken();
  const { failure, requests } = await fuzz(broken, { seed: SEED, runs: 1_000, limitMs: LIMIT_MS });
  expect([failure?.text, requests]).toEqual([undefined, 1_000]);
});

test("a budget that is over before the first answer finds nothing", async () => {
  await using broken = openBroken();
  const { failure } = await fuzz(broken, { seed: SEED, runs: 1, limitMs: 1 });
  expect(failure).toBeUndefined();
});

test.each(Object.keys(BUGS) as Bug[])("a server that %s is found out", async (bug) => {
  await using broken = openBroken(bug);
  const options = { seed: SEED, runs: RUNS_FOR_A_BUG, limitMs: BUG_LIMIT_MS };
  const { failure } = await fuzz(broken, options);
  expect(failure?.findings.map(({ fault }) => fault)).toContain(BUGS[bug]);
  expect(failure?.text).toContain(`seed ${SEED}`);
});
