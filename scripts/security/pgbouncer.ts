/**
 * Runs the product behind PgBouncer in transaction mode, where any transaction may get any connection, and looks whether
 * one ever sees the claims of another. Not in the gate, because a fresh machine has no PgBouncer: as root it is
 * installed from Debian, else the command to do so is printed.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { sql } from "drizzle-orm";
import postgres from "postgres";

import { openDatabase } from "../../src/platform/database.ts";
import { connectionOptions } from "../../src/platform/database_pool.ts";
import { openEmbeddedServices } from "../../src/platform/embedded/services.ts";
import { createLog } from "../../src/platform/log.ts";
import { migrate } from "../../src/platform/migrate.ts";
import { openGroup, registerPeople, request } from "../bench/people.ts";
import { startServer } from "../bench/processes.ts";

const ROOT = join(import.meta.dir, "..", "..");
const APT = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"];
const INSTALL_LIMIT_MS = 300_000;
const START_LIMIT_MS = 10_000;
const SERVER_CONNECTIONS = 4;
/** Long enough that each look has a connection of its own. */
const HOLD_S = 0.5;
const USERS = 40;
const TURNS = 25;
/** PgBouncer refuses to be root, and nobody else may open the sockets of the embedded servers. */
const AS_SOMEBODY = ["unshare", "--user", "--map-user=1000", "--map-group=1000"];

/** @throws with the command to type where it cannot be installed. */
async function findPgbouncer(): Promise<string> {
  const places = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` };
  if (Bun.which("pgbouncer", places) === null && process.getuid?.() === 0) {
    console.log("installing pgbouncer");
    const install = [...APT, "install", "--no-install-recommends", "pgbouncer"];
    if (!(await succeeds(install)) && (await succeeds([...APT, "update"]))) await succeeds(install);
  }
  const found = Bun.which("pgbouncer", places);
  if (found === null)
    throw new Error("PgBouncer is missing; install it with: sudo apt-get install pgbouncer");
  return found;
}

async function succeeds(argv: string[]): Promise<boolean> {
  if (Bun.which(argv[0] ?? "") === null) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const child = Bun.spawn(argv, {
    env,
    stdout: "ignore",
    stderr: "inherit",
    timeout: INSTALL_LIMIT_MS,
  });
  return (await child.exited) === 0;
}

/** A free port, by the time somebody else takes it. */
function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

/** Starts PgBouncer before that database. @returns the URL for its clients. */
async function openPooler(parts: AsyncDisposableStack, direct: URL): Promise<URL> {
  const binary = await findPgbouncer();
  const folder = await mkdtemp(join(tmpdir(), "frm-pooler-"));
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const port = freePort();
  const target = `host=${direct.searchParams.get("host") ?? direct.hostname} port=${direct.port || 5432}`;
  const name = direct.pathname.slice(1);
  const settings = join(folder, "pgbouncer.ini");
  await Bun.write(
    settings,
    `[databases]
${name} = ${target} dbname=${name} user=${direct.username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${SERVER_CONNECTIONS}
max_client_conn = 200
`,
  );
  const argv = process.getuid?.() === 0 ? [...AS_SOMEBODY, binary, settings] : [binary, settings];
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  parts.defer(async () => {
    child.kill("SIGTERM");
    await child.exited;
  });
  const url = new URL(`postgres://${direct.username}@127.0.0.1:${port}/${name}`);
  await waitFor(url);
  return url;
}

async function waitFor(url: URL): Promise<void> {
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    const sql = postgres(url.href, { max: 1, prepare: false, connect_timeout: 2 });
    const error = await sql`select 1`.then(() => undefined).catch((failure: unknown) => failure);
    await sql.end({ timeout: 1 });
    if (error === undefined) return;
    if (performance.now() > deadline)
      throw new Error("Cannot reach PgBouncer: it does not answer", { cause: error });
    await Bun.sleep(100);
  }
}

interface Sight extends Record<string, unknown> {
  id: string | null;
  role: string;
  accounts: string | null;
  pid: number;
}

/** Everybody takes turns at once over few connections. @returns how many connections served, and what was wrong. */
async function lookForLeaks(url: URL, users: string[]): Promise<{ pids: number; wrong: string[] }> {
  const db = await openDatabase({ url, rolePrefix: "frm", poolSize: USERS });
  const stranger = postgres(url.href, { max: 4, prepare: false });
  const pids = new Set<number>();
  const wrong: string[] = [];
  const look = sql`select app.user_id() as id, current_user as role, pg_backend_pid() as pid,
    (select string_agg(user_id::text, ' ') from app.accounts) as accounts`;
  async function takeTurns(userId: string): Promise<void> {
    for (let turn = 0; turn < TURNS; turn += 1) {
      const [mine] = await db.run({ role: "app", userId }, (tx) => tx.execute<Sight>(look));
      if (mine) pids.add(mine.pid);
      if (mine?.id !== userId || mine.accounts !== userId || mine.role !== "frm_app")
        wrong.push(`${userId} acts as ${JSON.stringify(mine)}`);
      const left = await leftOver(stranger);
      if (left !== "") wrong.push(`after a transaction there is ${left}`);
    }
  }
  try {
    await Promise.all(users.map(takeTurns));
    return { pids: pids.size, wrong };
  } finally {
    await stranger.end({ timeout: 1 });
    await db.close();
  }
}

/** What a plain query meets on whichever connection it gets. */
async function leftOver(stranger: postgres.ISql): Promise<string> {
  const [row] = await stranger<[{ claims: string | null; login: boolean }]>`
    select current_setting('request.jwt.claims', true) as claims, current_user = session_user as login`;
  return `${row.claims ?? ""}${row.login ? "" : " under another role"}`;
}

/**
 * The same look finds claims that were set for the session, which is what nobody may do. On all connections at once,
 * because the pooler may hand out any of them.
 */
async function findsALeak(url: URL): Promise<boolean> {
  const careless = postgres(url.href, { max: 1, prepare: false });
  const stranger = postgres(url.href, { max: SERVER_CONNECTIONS, prepare: false });
  try {
    await careless`select set_config('request.jwt.claims', '{"sub":"leaked"}', false)`;
    const looks = Array.from({ length: SERVER_CONNECTIONS }, () =>
      stranger.begin(async (tx) => {
        await tx`select pg_sleep(${HOLD_S})`;
        return await leftOver(tx);
      }),
    );
    return (await Promise.all(looks)).some((left) => left.includes("leaked"));
  } finally {
    await careless.end({ timeout: 1 });
    await stranger.end({ timeout: 1 });
  }
}

/** A real instance whose queries all go through the pooler. */
async function chatThrough(
  parts: AsyncDisposableStack,
  urls: { pooled: URL; direct: URL; redisUrl: string; dataDir: string },
): Promise<void> {
  const instance = parts.use(
    await startServer({
      name: "an instance",
      argv: [process.execPath, "--no-orphans", join(ROOT, "src", "main.ts")],
      env: {
        PORT: "0",
        LIMITS_SCALE: "1000",
        LOG_LEVEL: "warn",
        DATABASE_URL: urls.pooled.href,
        DATABASE_ADMIN_URL: urls.direct.href,
        REDIS_URL: urls.redisUrl,
        DATA_DIR: urls.dataDir,
      },
    }),
  );
  const base = `http://localhost:${instance.port}`;
  const [lan, ...others] = await registerPeople(base, 4);
  if (!lan) throw new Error("Cannot chat: nobody is there");
  const id = await openGroup(base, lan, others);
  const path = `${base}/v1/conversations/${id}/messages`;
  const people = [lan, ...others];
  const send = (token: string) =>
    request(path, { method: "POST", token, body: { clientId: crypto.randomUUID(), body: "x" } });
  await Promise.all(people.flatMap(({ token }) => Array.from({ length: 10 }, () => send(token))));
  const page = await request<{ items: unknown[] }>(`${path}?limit=100`, {
    method: "GET",
    token: lan.token,
  });
  if (page.items.length !== people.length * 10)
    throw new Error(`Cannot find all messages: ${page.items.length} of ${people.length * 10}`);
}

async function insertUsers(direct: URL): Promise<string[]> {
  const users = Array.from({ length: USERS }, () => Bun.randomUUIDv7());
  const { url, host } = connectionOptions(direct);
  const admin = postgres(url, { max: 1, ...(host === undefined ? {} : { path: host }) });
  for (const id of users) {
    await admin`insert into app.users values (${id}, 'Someone', now())`;
    await admin`insert into app.accounts (user_id, email) values (${id}, ${`${id}@example.com`})`;
  }
  await admin.end({ timeout: 1 });
  return users;
}

async function main(): Promise<number> {
  await using parts = new AsyncDisposableStack();
  const dataDir = await mkdtemp(join(tmpdir(), "frm-pgbouncer-"));
  parts.defer(() => rm(dataDir, { recursive: true, force: true }));
  const wanted = { dataDir, postgres: true, redis: true, durable: false, progress: console.log };
  const { databaseUrl = "", redisUrl = "" } = parts.use(await openEmbeddedServices(wanted));
  const direct = new URL(databaseUrl);
  const write = (line: string) => console.error(line);
  const log = createLog({ level: "error", pretty: false, write, now: () => new Date() });
  const place = { adminUrl: direct, url: direct, folder: join(ROOT, "drizzle") };
  await migrate({ ...place, rolePrefix: "frm", log });
  const pooled = await openPooler(parts, direct);

  const users = await insertUsers(direct);
  const { pids, wrong } = await lookForLeaks(pooled, users);
  const shared = pids > 1 && pids <= SERVER_CONNECTIONS;
  const look = `${USERS} users, ${USERS * TURNS} transactions over ${pids} connections`;
  console.log(`${wrong.length === 0 && shared ? "ok" : "FAILED"}  ${look}: ${wrong.length} leaks`);
  for (const line of wrong.slice(0, 10)) console.log(`        ${line}`);

  await chatThrough(parts, { pooled, direct, redisUrl, dataDir });
  console.log("ok  an instance behind the pooler registers people and carries their messages");

  const found = await findsALeak(pooled);
  console.log(`${found ? "ok" : "FAILED"}  a leak that is made on purpose is found`);
  return wrong.length === 0 && shared && found ? 0 : 1;
}

const code = await main().catch((error: unknown) => {
  console.log(`FAILED  ${error instanceof Error ? error.message : String(error)}`);
  return 1;
});
process.exit(code);
