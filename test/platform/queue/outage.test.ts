import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";

import { until } from "../../support/poll.ts";
import { openTestRedisServer, type TestRedisServer } from "../../support/redis_server.ts";
import { openTestWorkers, type TestWorkers } from "../../support/workers.ts";

setDefaultTimeout(30_000);

const RECOVERY_MS = 15_000;
const READER = "frm-ai-worker-reader";

let server: TestRedisServer;
beforeAll(async () => {
  server = await openTestRedisServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function untilSeen(workers: TestWorkers, id: string): Promise<void> {
  await until("a handler", async () => (await workers.seen(id)).length > 0);
}

test("a thread that was told to stop takes nothing more, and finishes what it has", async () => {
  await using workers = await openTestWorkers(server.url);
  const supervisor = workers.serve(2, { graceMs: RECOVERY_MS, stopMs: RECOVERY_MS });
  const running = await workers.add("waits", { mark: "grace" });
  await untilSeen(workers, running);
  const stopped = supervisor.stop();
  await until("the end of every fetch", async () => {
    const clients = await workers.queue.redis.client.clientList();
    return clients.every(({ name }) => name !== READER);
  });
  const late = await workers.add("succeeds");
  await workers.mark("grace");
  await stopped;
  expect(await workers.seen(running)).toEqual(["began 1", "done 1"]);
  expect(await workers.queue.hash(running)).toMatchObject({ state: "done" });
  expect(await workers.queue.hash(late)).toMatchObject({ state: "ready", attempts: "0" });
  expect(await workers.queue.line()).toMatchObject({ tickets: 1, pending: 0, later: 0 });
  expect(workers.lines.filter(({ level }) => level === "error")).toEqual([]);
});

test("a job that ends while Redis is away is done once Redis is back, and the thread lives on", async () => {
  await using workers = await openTestWorkers(server.url);
  // The lease is over long before Redis is back, and still nobody is blamed.
  workers.serve(1, { leaseMs: 300, renewMs: 100, reapMs: 50, silenceMs: 5_000 });
  const id = await workers.add("lasts");
  await untilSeen(workers, id);
  await server.stop();
  const deadline = performance.now() + 1_000;
  await until("the end of a lease", () => performance.now() > deadline);
  await server.start();
  await until("Redis", () => workers.queue.redis.isReady() && workers.queue.reader.isReady());
  await workers.untilState([id], "done");
  expect(await workers.queue.hash(id)).toMatchObject({ attempts: "1", crashes: "0" });
  expect(await workers.seen(id)).toEqual(["began 1"]);
  const next = await workers.add("succeeds");
  await workers.untilState([next], "done");
  expect(workers.lines.filter(({ level }) => level === "error")).toEqual([]);
});

test("a thread that waits while Redis loses everything takes what is added afterwards", async () => {
  await using workers = await openTestWorkers(server.url);
  workers.serve(1);
  const first = await workers.add("succeeds");
  await workers.untilState([first], "done");
  await workers.queue.wipe();
  const next = await workers.add("succeeds");
  await workers.untilState([next], "done");
  expect(await workers.seen(next)).toEqual(["done 1"]);
});

test("a connection that looks alive and is not keeps no thread from its work", async () => {
  using detour = server.openDetour();
  await using workers = await openTestWorkers(detour.url);
  // A ticket that Redis has handed to the silent connection comes back with its lease.
  workers.serve(1, { leaseMs: 2_000, renewMs: 200 });
  const first = await workers.add("succeeds");
  await workers.untilState([first], "done");
  expect(detour.silence(READER)).toBe(1);
  const next = await workers.add("succeeds");
  await workers.untilState([next], "done", RECOVERY_MS);
  expect(await workers.seen(next)).toEqual(["done 1"]);
});

test("an outage of Postgres spends no attempt of the jobs that need it, and none of them dies of it", async () => {
  await using workers = await openTestWorkers();
  // One thread, so that none is still starting when the outage begins: such a one would fail, and be replaced.
  workers.serve(1);
  const before = await workers.add("asks_postgres");
  await workers.untilState([before], "done");
  workers.postgres.cut();
  // One attempt each, so that whatever spends one buries.
  const add = () => workers.add("asks_postgres", { maxAttempts: 1 });
  const ids = await Promise.all(Array.from({ length: 10 }, add));
  for (const id of ids) {
    const wasPutOff = async () => Number((await workers.queue.hash(id))["deferrals"] ?? 0) > 0;
    await until("a try in vain", wasPutOff, RECOVERY_MS);
  }
  expect(await workers.queue.line()).toMatchObject({ dead: [] });
  workers.postgres.mend();
  await workers.untilState(ids, "done", RECOVERY_MS);
  for (const id of ids) {
    expect(await workers.seen(id)).toEqual(["done 1"]);
    expect(await workers.queue.hash(id)).toMatchObject({ attempts: "1", crashes: "0" });
  }
  expect(await workers.queue.line()).toEqual({ tickets: 0, pending: 0, later: 0, dead: [] });
  expect(workers.lines.filter(({ level }) => level === "error")).toEqual([]);
});
