import { join } from "node:path";

import {
  authenticateSocket,
  createApp,
  DEMO_PASSWORD,
  DEMO_USERS,
  isSessionAlive,
  listAliveSessions,
  resealSecrets,
  seedDemo,
} from "./app.ts";
import { SCHEDULE } from "./jobs.ts";
import { type Config, readConfig } from "./platform/config.ts";
import { EmbeddedError, openEmbeddedServices } from "./platform/embedded/services.ts";
import { StartError } from "./platform/errors.ts";
import { createLifecycle, type Lifecycle } from "./platform/lifecycle.ts";
import { createLog, type Log } from "./platform/log.ts";
import { migrate } from "./platform/migrate.ts";
import { type Opened, openPlatform } from "./platform/open.ts";
import { DEFAULT_QUEUE } from "./platform/queue/definition.ts";
import { createJobSchedule } from "./platform/queue/schedule.ts";
import { createSupervisor } from "./platform/queue/supervisor.ts";
import { workerEnvironment, type WorkerPlaces } from "./platform/worker_config.ts";
import {
  createChannelSource,
  createFrameHandlers,
  createSocketParts,
  TOPIC_KINDS,
} from "./socket.ts";

const STOP_DEADLINE_MS = 25_000;
const MIGRATIONS = join(import.meta.dir, "..", "drizzle");
/** Beyond the largest body we take, so that the refusal is ours and says why. */
const MAX_REQUEST_BYTES = 1_099_511_627_776;
const IDLE_TIMEOUT_S = 30;

const now = () => new Date();
const stderr = (line: string) => void process.stderr.write(`${line}\n`);

async function main(): Promise<void> {
  const config = await readConfig(process.env);
  const pretty = process.stderr.isTTY === true;
  const log = createLog({ level: config.logLevel, pretty, write: stderr, now });
  const lifecycle = createLifecycle(log, STOP_DEADLINE_MS);
  stopOnSignals(lifecycle, log);
  // A driver's promise that nobody awaits, such as a query of its own on a connection that has just closed, must not
  // take everybody's requests with it.
  process.on("unhandledRejection", (error) => log.error("a promise was left alone", { error }));
  try {
    await start({ config, log, lifecycle });
  } catch (error) {
    await lifecycle.stop();
    throw error;
  }
}

interface StartOptions {
  config: Config;
  log: Log;
  lifecycle: Lifecycle;
}

async function start({ config, log, lifecycle }: StartOptions): Promise<void> {
  const urls = await openServices(config, lifecycle);
  const adminUrl = config.databaseAdminUrl ?? urls.databaseUrl;
  await migrate({
    adminUrl,
    url: urls.databaseUrl,
    rolePrefix: config.dbRolePrefix,
    folder: MIGRATIONS,
    log,
  });
  let publish = (_channel: string, _frame: string): void => undefined;
  const opened = await openPlatform({
    config,
    log,
    now,
    lifecycle,
    ...urls,
    // What the container may use, where there is one.
    memoryBytes: process.constrainedMemory(),
    publish: (channel, frame) => publish(channel, frame),
    features: {
      source: createChannelSource,
      handlers: createFrameHandlers,
      topics: TOPIC_KINDS,
      parts: createSocketParts,
      authenticate: authenticateSocket,
      isAlive: isSessionAlive,
      listAlive: listAliveSessions,
    },
  });
  if (!config.production && config.roles.has("api")) await seedDemo(opened.platform);
  if (config.roles.has("api")) reseal(opened.platform, lifecycle);
  const server = listen(config, opened);
  publish = (channel, frame) => void server.publish(channel, frame, false);
  const address = addressOf(config, server.port ?? config.port);
  const places = { ...urls, publicUrl: config.publicUrl ?? new URL(address) };
  if (config.roles.has("worker")) work(opened, { lifecycle, config, places });
  serve(server, { opened, lifecycle, config });
  process.stdout.write(`listening on ${address}\n`);
  if (!config.production) announce(address);
}

/** Beside the serving, after a rotation of the keys; what fails or is cut short is done at the next start. */
function reseal(platform: Opened["platform"], lifecycle: Lifecycle): void {
  const stop = new AbortController();
  const resealing = resealSecrets(platform, stop.signal).catch((error: unknown) =>
    platform.log.warn("cannot seal secrets with the newest key", { error }),
  );
  lifecycle.add("resealing", async () => {
    stop.abort();
    await resealing;
  });
}

async function openServices(config: Config, lifecycle: Lifecycle) {
  const needs = { postgres: !config.databaseUrl, redis: !config.redisUrl };
  const services = await openEmbeddedServices({
    dataDir: config.dataDir,
    ...needs,
    progress: stderr,
  });
  lifecycle.add("embedded services", () => services.close());
  const databaseUrl = config.databaseUrl ?? new URL(services.databaseUrl ?? "");
  const redisUrl = config.redisUrl ?? new URL(services.redisUrl ?? "");
  return { databaseUrl, redisUrl };
}

/** Opens the port. @throws StartError when somebody else has it. */
function listen(config: Config, { platform, readiness, gateway }: Opened) {
  const app = createApp(platform, { readiness, gateway });
  const options = {
    port: config.port,
    hostname: config.host,
    // Elysia's default would let a second server take half of our connections without a word.
    reusePort: false,
    idleTimeout: IDLE_TIMEOUT_S,
    maxRequestBodySize: MAX_REQUEST_BYTES,
    websocket: gateway.handler,
    ...(config.tls
      ? { tls: { cert: Bun.file(config.tls.cert), key: Bun.file(config.tls.key) } }
      : {}),
  };
  try {
    app.listen(options as Parameters<typeof app.listen>[0]);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EADDRINUSE" || code === "EACCES")
      throw new StartError(`Cannot listen on port ${config.port}: ${portProblem(code)}`);
    throw error;
  }
  if (!app.server) throw new StartError(`Cannot listen on port ${config.port}`);
  return app.server;
}

function portProblem(code: string): string {
  return code === "EADDRINUSE" ? "it is in use; set PORT to another" : "it needs more rights";
}

type Server = ReturnType<typeof listen>;

/** Starts the roles, and arranges how they stop: traffic first, then what is in hand, then the connections. */
function serve(
  server: Server,
  { opened, lifecycle, config }: { opened: Opened; lifecycle: Lifecycle; config: Config },
): void {
  const { platform, readiness, gateway } = opened;
  if (config.roles.has("relay")) {
    const stopRelay = new AbortController();
    const relaying = Promise.all([
      platform.outbox.relay(stopRelay.signal),
      opened.jobRelay.run(stopRelay.signal),
      createJobSchedule({ ...platform, entries: SCHEDULE }).run(stopRelay.signal),
    ]);
    lifecycle.add("relay", async () => {
      stopRelay.abort();
      await relaying;
    });
  }
  lifecycle.add("server", () => server.stop(true));
  lifecycle.add("requests", async () => {
    while (server.pendingRequests > 0) await Bun.sleep(10);
  });
  lifecycle.add("sockets", () => gateway.drain());
  lifecycle.add("readiness", () => readiness.end());
  readiness.begin();
}

interface WorkOptions {
  lifecycle: Lifecycle;
  config: Config;
  places: WorkerPlaces;
}

/** Starts the threads for background work, each with the environment that its jobs need and no more. */
function work({ platform, storeOf }: Opened, { lifecycle, config, places }: WorkOptions): void {
  const env = workerEnvironment(config, places);
  if (config.production)
    platform.log.warn("no mail service is configured: mail stays in DATA_DIR/mailbox", {
      dataDir: config.dataDir,
    });
  const supervisor = createSupervisor({
    count: config.workers,
    spawn: () => new Worker(new URL("./worker.ts", import.meta.url), { env }),
    store: storeOf(DEFAULT_QUEUE),
    nodeId: platform.nodeId,
    log: platform.log,
  });
  lifecycle.add("workers", () => supervisor.stop());
  supervisor.start();
}

function addressOf(config: Config, port: number): string {
  return `${config.tls ? "https" : "http"}://localhost:${port}`;
}

function announce(address: string): void {
  const logins = DEMO_USERS.map(({ email }) => email).join(" or ");
  stderr(`\n  API     ${address}/v1, described at ${address}/swagger`);
  stderr(`  Mail    ${address}/dev/mailbox\n  Health  ${address}/health/ready`);
  stderr(`  Login   ${logins}, password ${DEMO_PASSWORD}\n`);
}

function stopOnSignals(lifecycle: Lifecycle, log: Log): void {
  const stop = (signal: string) => {
    log.info("stopping", { signal });
    void lifecycle.stop().then(() => process.exit(0));
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
}

try {
  await main();
} catch (error) {
  const expected = error instanceof StartError || error instanceof EmbeddedError;
  // Of a bug only the place: drivers hang queries and their parameters on the error itself.
  stderr(expected ? error.message : ((error as Error).stack ?? String(error)));
  process.exit(1);
}
