import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";

import { generateSigningKey } from "../src/platform/tokens.ts";
import { call, signUp } from "./support/client.ts";
import { type Cluster, openCluster } from "./support/instance.ts";
import { until } from "./support/poll.ts";
import { testServices } from "./support/services.ts";
import { openSocket } from "./support/socket.ts";

const ROOT = join(import.meta.dir, "..");
let cluster: Cluster;
let services: Record<string, string>;

beforeAll(async () => {
  cluster = await openCluster();
  services = {
    DATABASE_URL: cluster.database.url.href,
    REDIS_URL: (await testServices()).redisUrl,
    REDIS_PREFIX: cluster.redisPrefix,
    PORT: "0",
  };
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function spawn(env: Record<string, string>) {
  return Bun.spawn([process.execPath, "--no-orphans", "src/main.ts"], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Starts what must not come up; answers the code and all that it said. */
async function fail(env: Record<string, string>) {
  await using child = spawn({ ...services, LOG_LEVEL: "error", ...env });
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ]);
  return { code, stdout, stderr };
}

const AWAY = "127.0.0.1:1";

test.concurrent.each([
  [{ PORT: "x" }, "Cannot start: PORT must be a whole number"],
  [{ PORT: "70000" }, "Cannot start: PORT must be a whole number"],
  [{ DATABASE_URL: `postgres://lan:geheim@${AWAY}/x` }, "Cannot start: DATABASE_URL does not"],
  [{ REDIS_URL: `redis://:geheim@${AWAY}` }, "Cannot start: REDIS_URL does not answer"],
  [{ NODE_ENV: "production" }, "Cannot start in production: JWT_KEYS, PUBLIC_URL must be set"],
])("%p ends with one line that says so", async (env, line) => {
  const { code, stdout, stderr } = await fail(env);
  expect(stderr).toStartWith(line);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(stderr).not.toContain("geheim");
  expect([code, stdout]).toEqual([1, ""]);
});

test("a port that somebody has is one line, and the address of a start is the only line on stdout", async () => {
  await using child = spawn(services);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const said = new TextDecoder().decode(value);
  expect(said).toMatch(/^listening on http:\/\/localhost:\d+\n$/);
  const port = said.trim().split(":").at(-1) ?? "";
  expect(await fail({ PORT: port })).toEqual({
    code: 1,
    stdout: "",
    stderr: `Cannot listen on port ${port}: it is in use; set PORT to another\n`,
  });
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
  expect((await reader.read()).done).toBe(true);
});

test("production without a mail service says once where its mail stays, and development need not", async () => {
  const production = {
    NODE_ENV: "production",
    HOST: "127.0.0.1",
    PUBLIC_URL: "https://api.example.com",
    JWT_KEYS: JSON.stringify([await generateSigningKey()]),
  };
  const told = async (env: Record<string, string>) => {
    const instance = await cluster.start({ ...env, WORKERS: "1" });
    await instance.stop();
    const lines = instance
      .log()
      .split("\n")
      .filter((line) => line.includes("no mail service"));
    return lines.map((line) => (JSON.parse(line) as { level: string }).level);
  };
  expect(await told(production)).toEqual(["warn"]);
  expect(await told({})).toEqual([]);
  expect(await told({ ...production, ROLE: "api" })).toEqual([]);
});

test("SIGTERM ends the readiness, then sends the sockets away, finishes what is in hand and exits 0", async () => {
  const instance = await cluster.start();
  const lan = await signUp(instance.url);
  const socket = await openSocket(instance.url, lan.token);
  const ready = async () => (await call("GET", `${instance.url}/health/ready`)).status;
  expect(await ready()).toBe(200);

  // A request whose body is still under way keeps the process up while it drains.
  const answered = Promise.withResolvers<string>();
  const { hostname, port } = new URL(instance.url);
  const body = JSON.stringify({ email: lan.email, password: "wrong horse battery" });
  const upload = await Bun.connect({
    hostname,
    port: Number(port),
    socket: { data: (_, bytes) => answered.resolve(bytes.toString()) },
  });
  upload.write(
    `POST /v1/auth/login HTTP/1.1\r\nhost: localhost:${port}\r\ncontent-type: application/json\r\n` +
      `content-length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
  );
  expect(await ready()).toBe(200);
  const stopped = instance.stop();
  await until("the end of readiness", async () => (await ready()) === 503);
  expect(await socket.closed).toEqual({ code: 4001, reason: "drain" });
  expect(socket.frames.at(-1)).toEqual({ t: "away", in: [0, 1_000], why: "deploy" });
  upload.write(body.slice(10));
  expect(await answered.promise).toStartWith("HTTP/1.1 4");
  expect(await stopped).toBe(0);
  upload.end();
});
