import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import postgres from "postgres";
import { createClient } from "redis";

import { findServerProcesses, readPidFile } from "../../../src/platform/embedded/processes.ts";
import {
  EmbeddedError,
  type EmbeddedOptions,
  type EmbeddedServices,
  openEmbeddedServices,
} from "../../../src/platform/embedded/services.ts";
import { waitUntil } from "../../../src/platform/embedded/wait.ts";

const ROOT = join(import.meta.dir, "../../..");
const LIMIT_MS = 10_000;
/** A hook may otherwise take five seconds, which initdb needs on a machine with much else to do. */
const INIT_LIMIT_MS = 30_000;

const root = realpathSync(mkdtempSync(join(tmpdir(), "frm-embedded-")));
const dataDir = join(root, "data");
/** A stopped Postgres with an empty database, so that only one test run in many pays for making it. */
const template = join(root, "template");
const opened: AsyncDisposable[] = [];
const lines: string[] = [];

beforeAll(async () => {
  const services = await openEmbeddedServices(optionsFor({ dataDir: template, redis: false }));
  await services.close();
}, INIT_LIMIT_MS);

afterEach(async () => {
  for (const item of opened.splice(0).toReversed()) await item[Symbol.asyncDispose]();
  lines.length = 0;
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function optionsFor(wanted: Partial<EmbeddedOptions> = {}): EmbeddedOptions {
  const progress = (line: string) => void lines.push(line);
  return { dataDir, postgres: true, redis: true, durable: false, progress, ...wanted };
}

/** An empty data folder at this path, made without initdb. */
function prepareDir(dir = dataDir): void {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  cpSync(join(template, "postgres"), join(dir, "postgres"), { recursive: true });
}

async function open(wanted: Partial<EmbeddedOptions> = {}): Promise<EmbeddedServices> {
  const services = await openEmbeddedServices(optionsFor(wanted));
  opened.push(services);
  return services;
}

function connectPostgres(databaseUrl: string | undefined): postgres.Sql {
  const url = new URL(databaseUrl ?? "");
  const host = url.searchParams.get("host") ?? "";
  const sql = postgres({ host, user: "frm", database: "frm", max: 1, onnotice: () => undefined });
  opened.push({ [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) });
  return sql;
}

async function connectRedis(redisUrl: string | undefined) {
  const client = createClient({ socket: { tls: false, path: new URL(redisUrl ?? "").pathname } });
  // Without a listener the loss of its server, which is what some tests are about, would be thrown.
  client.on("error", () => undefined);
  await client.connect();
  opened.push({ [Symbol.asyncDispose]: () => Promise.resolve(client.destroy()) });
  return client;
}

function traitsOf(service: "postgres" | "redis") {
  const dir = join(dataDir, service);
  const pidFile = join(dir, service === "postgres" ? "postmaster.pid" : "redis.pid");
  return { dir, names: service === "postgres" ? ["postgres"] : ["redis-", "valkey-"], pidFile };
}

/** The one that its pid file names; a child has the same command line for a moment after its birth. */
function mainProcess(service: "postgres" | "redis"): number {
  const traits = traitsOf(service);
  const pid = readPidFile(traits.pidFile);
  if (pid === undefined || !findServerProcesses(traits).includes(pid)) {
    throw new Error(`Cannot find "${service}": it does not run`);
  }
  return pid;
}

function countProcesses(): number {
  return (["postgres", "redis"] as const).flatMap((name) => findServerProcesses(traitsOf(name)))
    .length;
}

/** Another process that owns the services, as a terminal with `bun run services` would be. */
async function spawnOwner(...flags: string[]) {
  const owner = Bun.spawn([process.execPath, ...flags, "scripts/services.ts"], {
    cwd: ROOT,
    env: { PATH: Bun.env["PATH"], DATA_DIR: dataDir },
    stdout: "pipe",
    stderr: "pipe",
  });
  opened.push({
    [Symbol.asyncDispose]: async () => {
      owner.kill();
      await owner.exited;
    },
  });
  let said = "";
  for await (const chunk of owner.stdout) {
    said += new TextDecoder().decode(chunk);
    if (said.includes("REDIS_URL=")) break;
  }
  const databaseUrl = /DATABASE_URL=(\S+)/.exec(said)?.[1];
  return { owner, databaseUrl, redisUrl: /REDIS_URL=(\S+)/.exec(said)?.[1] };
}

async function messageOf(opening: Promise<unknown>): Promise<string> {
  const error: unknown = await opening.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof EmbeddedError)) throw new Error("Cannot read the failure: it succeeded");
  return error.message;
}

test("what was written is there after a stop and a start, and between them nothing runs", async () => {
  prepareDir();
  const first = await openEmbeddedServices(optionsFor());
  const sql = connectPostgres(first.databaseUrl);
  const redis = await connectRedis(first.redisUrl);
  await sql`create table notes (body text)`;
  await sql`insert into notes values ('Cổ phiếu')`;
  await redis.set("note", "Cổ phiếu");
  await sql.end();
  redis.destroy();
  await first.close();

  expect(countProcesses()).toBe(0);
  expect(existsSync(new URL(first.redisUrl ?? "").pathname)).toBe(false);

  const second = await open();
  expect(second.databaseUrl).toBe(first.databaseUrl);
  expect(await connectPostgres(second.databaseUrl)`select body from notes`).toEqual([
    { body: "Cổ phiếu" },
  ] as never);
  expect(await (await connectRedis(second.redisUrl)).get("note")).toBe("Cổ phiếu");
});

test("the servers listen on no port, and only their user may enter the folder of the sockets", async () => {
  prepareDir();
  const { databaseUrl, redisUrl } = await open();
  const [row] = await connectPostgres(databaseUrl)`
    select current_setting('listen_addresses') as addresses,
           current_setting('server_encoding') as encoding,
           current_setting('max_connections') as connections`;
  expect({ ...row }).toEqual({ addresses: "", encoding: "UTF8", connections: "200" });

  const redis = await connectRedis(redisUrl);
  const settings = await redis.configGet(["port", "appendonly", "maxmemory-policy", "save"]);
  expect({ ...settings }).toEqual({
    port: "0",
    appendonly: "yes",
    "maxmemory-policy": "noeviction",
    save: "",
  });
  const socket = new URL(redisUrl ?? "").pathname;
  expect(statSync(join(socket, "..")).mode & 0o077).toBe(0);
  expect(statSync(socket).mode & 0o077).toBe(0);
});

test("a second process on the folder stops with one line that names the first", async () => {
  prepareDir();
  const { owner } = await spawnOwner("--no-orphans");
  expect(await messageOf(open())).toBe(
    `Cannot start embedded services "${dataDir}": process ${owner.pid} already runs them there; stop that one or set another DATA_DIR`,
  );
  expect(countProcesses()).toBeGreaterThan(1);

  owner.kill("SIGINT");
  expect(await owner.exited).toBe(0);
  expect(countProcesses()).toBe(0);
  await open();
});

test("kill -9 of the owner ends its servers, and the next start has all that was committed", async () => {
  prepareDir();
  const { owner, databaseUrl } = await spawnOwner("--no-orphans");
  const sql = connectPostgres(databaseUrl);
  await sql`create table notes (body text)`;
  await sql`insert into notes values ('kept')`;
  owner.kill("SIGKILL");
  await owner.exited;
  expect(await waitUntil(LIMIT_MS, () => countProcesses() === 0)).toBe(true);

  const { databaseUrl: next } = await open();
  expect(await connectPostgres(next)`select body from notes`).toEqual([{ body: "kept" }] as never);
});

test("servers that outlived their owner are ended by the next start, and no other process is", async () => {
  prepareDir();
  const { owner } = await spawnOwner();
  const before = mainProcess("postgres");
  owner.kill("SIGKILL");
  await owner.exited;
  const bystander = Bun.spawn(["tail", "-f", "/dev/null"], { cwd: join(dataDir, "postgres") });
  expect(mainProcess("postgres")).toBe(before);

  await open();
  expect(mainProcess("postgres")).not.toBe(before);
  mainProcess("redis");
  expect(bystander.exitCode).toBeNull();
  bystander.kill();
  await bystander.exited;
});

test("a server that dies comes back at the same address with its data", async () => {
  prepareDir();
  const { databaseUrl, redisUrl } = await open({ durable: true });
  const before = connectPostgres(databaseUrl);
  await before`create table notes (body text)`;
  await before`insert into notes values ('kept')`;
  process.kill(mainProcess("postgres"), "SIGKILL");
  process.kill(mainProcess("redis"), "SIGKILL");
  const isBack = () => lines.length >= 2 && existsSync(new URL(redisUrl ?? "").pathname);
  expect(await waitUntil(LIMIT_MS, isBack)).toBe(true);
  expect(lines.toSorted()).toEqual([
    "embedded postgres died (signal SIGKILL): starting it again",
    "embedded redis died (signal SIGKILL): starting it again",
  ]);

  const after = connectPostgres(databaseUrl);
  const read = () =>
    after`select body from notes`.then(
      (rows) => rows.length === 1,
      () => false,
    );
  expect(await waitUntil(LIMIT_MS, read)).toBe(true);
  expect(await (await connectRedis(redisUrl)).ping()).toBe("PONG");
});

test("a data folder may be deeper than a socket's path can be", async () => {
  const deep = join(root, "d".repeat(100), "đường dẫn có dấu cách");
  prepareDir(deep);
  const { databaseUrl, redisUrl } = await open({ dataDir: deep });
  expect([...(await connectPostgres(databaseUrl)`select 1 as one`)]).toEqual([{ one: 1 }]);
  expect(await (await connectRedis(redisUrl)).ping()).toBe("PONG");
});

test("data of another major version is refused in one line and left as it is", async () => {
  const dir = join(root, "old");
  const file = join(dir, "postgres", "PG_VERSION");
  mkdirSync(join(dir, "postgres"), { recursive: true });
  await Bun.write(file, "9.6\n");
  const message = await messageOf(open({ dataDir: dir }));
  expect(message).toStartWith(`Cannot start embedded postgres "${join(dir, "postgres")}": `);
  expect(message).toContain("its data was made by Postgres 9");
  expect(message).not.toContain("\n");
  expect(await Bun.file(file).text()).toBe("9.6\n");
  // The Redis that had come up meanwhile is stopped, and the folder is free.
  expect(existsSync(join(dir, "embedded.pid"))).toBe(false);
  await open({ dataDir: dir, postgres: false });
});

test("where nothing is asked for, nothing is made", async () => {
  const dir = join(root, "untouched");
  const services = await open({ dataDir: dir, postgres: false, redis: false });
  expect(services.databaseUrl).toBeUndefined();
  expect(services.redisUrl).toBeUndefined();
  expect(existsSync(dir)).toBe(false);
});
