import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";

import { until } from "../../support/poll.ts";
import { openTestWorkers, type TestWorkers } from "../../support/workers.ts";

setDefaultTimeout(30_000);

const STOP_MS = 10_000;
/** As many as one thread runs at once. */
const SLOTS = 8;
const LEASE = { leaseMs: 900, renewMs: 100, reapMs: 100 };

let workers: TestWorkers;
beforeAll(async () => {
  workers = await openTestWorkers();
});
afterAll(async () => {
  await workers[Symbol.asyncDispose]();
});

async function untilBegun(ids: string[], times = 1): Promise<void> {
  for (const id of ids)
    await until("a handler", async () => {
      const began = (await workers.seen(id)).filter((text) => text.startsWith("began"));
      return began.length >= times;
    });
}

test("at a stop jobs that go on too long are handed back with their attempt, and run elsewhere", async () => {
  const first = workers.serve(1, { graceMs: 0, stopMs: STOP_MS });
  const ids = await Promise.all([
    ...Array.from({ length: SLOTS - 1 }, () => workers.add("waits", { mark: "elsewhere" })),
    workers.add("ignores"),
  ]);
  const deaf = ids.at(-1) ?? "";
  await untilBegun(ids);
  const began = performance.now();
  await first.stop();
  // Every slot is taken, and still the stop does not wait for one of them.
  expect(performance.now() - began).toBeLessThan(STOP_MS / 2);
  for (const id of ids)
    expect(await workers.queue.hash(id)).toMatchObject({
      state: "ready",
      attempts: "0",
      crashes: "0",
    });
  workers.serve(1, { graceMs: 0 });
  await untilBegun(ids, 2);
  await workers.mark("elsewhere");
  const honest = ids.filter((id) => id !== deaf);
  await workers.untilState(honest, "done");
  for (const id of honest) expect(await workers.seen(id)).toEqual(["began 1", "began 1", "done 1"]);
});

test("a stop that comes while threads still start ends them, and leaves nothing in hand", async () => {
  const supervisor = workers.serve(2, { stopMs: STOP_MS });
  const began = performance.now();
  await supervisor.stop();
  expect(performance.now() - began).toBeLessThan(STOP_MS / 2);
});

test("a thread that cannot be made, or ends before it is ready, is tried again", async () => {
  await using own = await openTestWorkers();
  let spawned = 0;
  own.serve(1, {}, () => {
    spawned += 1;
    if (spawned === 1) throw new Error("no thread left");
    return spawned === 2 ? new Worker("data:text/javascript,throw new Error()") : own.spawn();
  });
  const id = await own.add("succeeds");
  await own.untilState([id], "done");
  expect(spawned).toBe(3);
});

test("a thread that falls silent while a job waits for its turn in it is replaced", async () => {
  await using own = await openTestWorkers();
  const [id = ""] = await own.queue.add(1, { kind: "test.succeeds" });
  const [ticket] = await own.queue.take("silent");
  const job = JSON.stringify({ ...ticket, token: "" });
  const silent = `data:text/javascript,onmessage = () => {
    postMessage({ type: "ready" });
    postMessage({ type: "held", job: ${job}, limitMs: Infinity });
  }`;
  let spawned = 0;
  own.serve(1, { silenceMs: 300, leaseMs: 2_000 }, () => {
    spawned += 1;
    return spawned === 1 ? new Worker(silent) : own.spawn();
  });
  await own.untilState([id], "done", STOP_MS);
  expect(own.lines.some(({ message }) => message === "a worker thread is stuck")).toBe(true);
  expect(spawned).toBe(2);
});

test("a thread that takes long to start is not taken for silent", async () => {
  await using own = await openTestWorkers();
  const late =
    "data:text/javascript,onmessage = () => setTimeout(() => postMessage({ type: 'ready' }), 600)";
  own.serve(1, { silenceMs: 200 }, () => new Worker(late));
  const isStuck = () => own.lines.some(({ message }) => message === "a worker thread is stuck");
  const began = performance.now();
  await until("the silence after the start", isStuck);
  expect(performance.now() - began).toBeGreaterThan(700);
});

test("a job may take longer than a lease, and is neither taken away nor run twice", async () => {
  await using own = await openTestWorkers();
  own.serve(1, LEASE);
  own.serve(1, LEASE);
  const id = await own.add("waits", { mark: "lease" });
  await until("a handler", async () => (await own.seen(id)).length > 0);
  const deadline = performance.now() + 2 * LEASE.leaseMs;
  await until("the end of a lease", () => performance.now() > deadline);
  await own.mark("lease");
  await own.untilState([id], "done");
  expect(await own.seen(id)).toEqual(["began 1", "done 1"]);
  expect(await own.queue.hash(id)).toMatchObject({ attempts: "1", crashes: "0" });
});

test("a process that starts leaves others the time to renew their leases", async () => {
  await using own = await openTestWorkers();
  const id = await own.add("succeeds");
  const job = await own.queue.begin("other");
  const leaseMs = 200;
  const over = performance.now() + leaseMs;
  await until("the end of the lease", () => performance.now() > over);
  // As after an outage of Redis, when nobody could renew.
  own.serve(1, { leaseMs, renewMs: 10_000, reapMs: 20 });
  const turns = performance.now() + 2 * leaseMs;
  await until("several turns of the new process", () => performance.now() > turns);
  expect(await own.queue.store.renew("other", [job])).toEqual([]);
  expect(await own.queue.store.complete(job)).toBe(true);
  expect(await own.queue.hash(id)).toMatchObject({ state: "done", attempts: "1", lapses: "0" });
  expect(await own.seen(id)).toEqual([]);
});

test("what a killed process held runs again once its lease is over", async () => {
  await using own = await openTestWorkers();
  const id = await own.add("succeeds");
  await own.queue.begin("killed");
  own.serve(1, LEASE);
  await own.untilState([id], "done");
  expect(await own.seen(id)).toEqual(["done 1"]);
  expect(await own.queue.hash(id)).toMatchObject({ attempts: "1", crashes: "0", lapses: "1" });
});

test("a job whose lease is lost is told to end, and its next attempt keeps the lease it has", async () => {
  await using own = await openTestWorkers();
  own.serve(1, LEASE);
  const id = await own.add("waits", { mark: "lost" });
  await until("a handler", async () => (await own.seen(id)).length > 0);
  // As when the whole process was frozen for longer than a lease.
  expect(await own.queue.other.reap({ leaseMs: 0 })).toEqual([{ id, outcome: "ready" }]);
  await until("the next attempt", async () => (await own.seen(id)).length > 1);
  const deadline = performance.now() + 2 * LEASE.leaseMs;
  await until("the end of a lease", () => performance.now() > deadline);
  await own.mark("lost");
  await own.untilState([id], "done");
  expect(await own.seen(id)).toEqual(["began 1", "began 1", "done 1"]);
  expect(await own.queue.hash(id)).toMatchObject({ attempts: "1", crashes: "0", lapses: "1" });
});

test("a thread sees nothing of the process's environment but what its jobs need", async () => {
  process.env["JWT_KEYS"] = "canary";
  process.env["DATABASE_ADMIN_URL"] = "canary";
  try {
    const id = await workers.add("tells_environment");
    await workers.untilState([id], "done");
    const [text = ""] = await workers.seen(id);
    const seen = JSON.parse(text.replace(/ \d+$/, "")) as Record<string, string>;
    expect(seen).toEqual(workers.env);
    expect(text).not.toContain("canary");
    expect(Object.keys(seen)).not.toContain("PATH");
  } finally {
    delete process.env["JWT_KEYS"];
    delete process.env["DATABASE_ADMIN_URL"];
  }
});
