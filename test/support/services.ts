import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openEmbeddedServices } from "../../src/platform/embedded/services.ts";

/** Where a test finds its servers; it must keep to a database and a key prefix of its own. */
export interface TestServices {
  databaseUrl: string;
  redisUrl: string;
}

const START_LIMIT_MS = 60_000;

let opened: Promise<TestServices> | undefined;
let keeper: Bun.Subprocess<"pipe", "pipe", "inherit"> | undefined;

/**
 * The servers that the gate named in TEST_DATABASE_URL and TEST_REDIS_URL, or else embedded ones that are started for
 * this process at the first call and end with it.
 */
export function testServices(): Promise<TestServices> {
  return (opened ??= openServices());
}

/** Ends what `testServices` started; the preload calls it after the last test. */
export async function closeTestServices(): Promise<void> {
  const ending = keeper;
  opened = undefined;
  keeper = undefined;
  await ending?.stdin.end();
  await ending?.exited;
}

async function openServices(): Promise<TestServices> {
  const { TEST_DATABASE_URL, TEST_REDIS_URL } = process.env;
  if (TEST_DATABASE_URL && TEST_REDIS_URL) {
    return { databaseUrl: TEST_DATABASE_URL, redisUrl: TEST_REDIS_URL };
  }
  // Bun runs no hook when a test calls process.exit or a file fails to load, so a child keeps the servers and
  // stops them when its pipe to us closes, which it does however we end.
  keeper = Bun.spawn([process.execPath, import.meta.path], { stdin: "pipe", stdout: "pipe" });
  const late = setTimeout(() => keeper?.kill(), START_LIMIT_MS);
  const line = await readLine(keeper.stdout).finally(() => clearTimeout(late));
  if (line === "") throw new Error("Cannot start the services for tests: see the line above");
  const services = JSON.parse(line) as TestServices;
  process.env.TEST_DATABASE_URL = services.databaseUrl;
  process.env.TEST_REDIS_URL = services.redisUrl;
  return services;
}

async function readLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes("\n")) break;
  }
  return text;
}

/** The child's whole life: start, say where, wait for the end of the pipe, stop. */
async function keepServices(): Promise<void> {
  // Ctrl-C reaches the whole terminal; the pipe says when it is our turn.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => undefined);
  const { TEST_DATABASE_URL, TEST_REDIS_URL } = process.env;
  const dataDir = await mkdtemp(join(tmpdir(), "frm-test-"));
  try {
    await using services = await openEmbeddedServices({
      dataDir,
      postgres: !TEST_DATABASE_URL,
      redis: !TEST_REDIS_URL,
      durable: false,
      progress: (line) => console.error(line),
    });
    const { databaseUrl = TEST_DATABASE_URL, redisUrl = TEST_REDIS_URL } = services;
    console.log(JSON.stringify({ databaseUrl, redisUrl }));
    await Bun.stdin.text();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

if (import.meta.main) await keepServices();
