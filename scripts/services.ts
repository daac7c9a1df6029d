/**
 * Runs the embedded Postgres and Redis for a second terminal, until Ctrl-C. It prints the addresses as
 * lines that a shell can read; what is set in the environment already is left alone.
 */
import { EmbeddedError, openEmbeddedServices } from "../src/platform/embedded/services.ts";

const { DATABASE_URL, REDIS_URL, DATA_DIR } = Bun.env;

// Listening before the start means that an early Ctrl-C stops what has begun, in order.
const stop = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.resolve());

try {
  await using services = await openEmbeddedServices({
    dataDir: DATA_DIR || ".data",
    postgres: !DATABASE_URL,
    redis: !REDIS_URL,
    progress: (line) => console.error(line),
  });
  console.log(`DATABASE_URL=${services.databaseUrl ?? DATABASE_URL}`);
  console.log(`REDIS_URL=${services.redisUrl ?? REDIS_URL}`);
  // A pending promise alone does not keep a process alive.
  const keepAlive = setInterval(() => undefined, 60_000);
  await stop.promise;
  clearInterval(keepAlive);
} catch (error) {
  if (!(error instanceof EmbeddedError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
