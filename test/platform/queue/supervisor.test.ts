import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";

import { until } from "../../support/poll.ts";
import { openTestWorkers, type TestWorkers } from "../../support/workers.ts";

setDefaultTimeout(30_000);

const EMPTY = { tickets: 0, pending: 0, later: 0 };
const CRASH = "the worker ended while it ran";
const STUCK = "a worker thread is stuck";
const RECOVERY_MS = 15_000;

let workers: TestWorkers;
beforeAll(async () => {
  workers = await openTestWorkers();
  // One thread, so that whatever a job does to it is done to its neighbours too.
  workers.serve(1, { silenceMs: 1_000 });
});
afterAll(async () => {
  if (process.env["DEBUG_LINES"])
    for (const line of workers.lines) console.log(JSON.stringify(line).slice(0, 300));
  await workers[Symbol.asyncDispose]();
});

test("a job is done once, and its neighbours that fail are tried again or buried with their history", async () => {
  const done = await workers.add("succeeds");
  const late = await workers.add("fails_twice");
  const never = await workers.add("fails");
  const refused = await workers.add("refuses");
  const odd = await Promise.all(
    ["throws_null", "throws_what_has_no_text", "throws_at_once"].map((kind) => workers.add(kind)),
  );
  await workers.untilState([done, late], "done");
  await workers.untilState([never, refused, ...odd], "dead");
  expect(await workers.seen(done)).toEqual(["done 1"]);
  expect(await workers.seen(late)).toEqual(["done 3"]);
  expect(await workers.errors(never)).toEqual([1, 2, 3].map((n) => `TypeError: no ${n}`));
  expect(await workers.errors(refused)).toEqual(["JobRefused: never"]);
  const histories = await Promise.all(odd.map((id) => workers.errors(id)));
  expect(histories.map((history) => [...new Set(history)])).toEqual([
    ["null"],
    ["what was thrown cannot be told"],
    ["RangeError: before any promise"],
  ]);
  expect(histories.map((history) => history.length)).toEqual([3, 3, 3]);
  expect(await workers.queue.line()).toMatchObject(EMPTY);
  expect(workers.lines.filter(({ level }) => level === "error")).toEqual([]);
});

test("a job that finds a service away is put off without spending an attempt, and says so as a warning", async () => {
  const id = await workers.add("finds_away", { maxAttempts: 1 });
  await workers.untilState([id], "done");
  expect(await workers.seen(id)).toEqual(["done 1"]);
  expect(await workers.queue.hash(id)).toMatchObject({ attempts: "1", deferrals: "5" });
  expect(workers.lines.filter(({ level }) => level === "error")).toEqual([]);
});

test("what was put off for weeks spends attempts, so that it ends at last", async () => {
  const id = await workers.add("unheard_of");
  await workers.untilState([id], "later");
  const job = workers.queue.keys.jobs("default") + id;
  await workers.queue.redis.client.hSet(job, {
    kind: "test.finds_away_for_ever",
    deferrals: 40_000,
  });
  await workers.queue.redis.client.zAdd(workers.queue.keys.queue("default", "later"), {
    score: 0,
    value: id,
  });
  // A failure that counts begins the count of deferrals anew.
  await until("a spent attempt", async () => (await workers.errors(id)).length === 1);
  await until("a put-off", async () => (await workers.queue.hash(id))["deferrals"] !== undefined);
  await workers.queue.redis.client.zRem(workers.queue.keys.queue("default", "later"), id);
});

test("a payload that is not of its kind is refused without being run", async () => {
  const [id = ""] = await workers.queue.add(1, { kind: "test.succeeds", payload: `{"mark":1}` });
  await workers.untilState([id], "dead");
  expect(await workers.seen(id)).toEqual([]);
  expect(await workers.errors(id)).toEqual(["JobRefused: Cannot run: the payload does not fit"]);
});

test("a kind that this version does not know, or a newer version of one, is left alone", async () => {
  const unknown = await workers.add("unheard_of");
  const newer = await workers.add("succeeds", { version: 2 });
  await workers.untilState([unknown, newer], "later");
  for (const id of [unknown, newer])
    expect(await workers.queue.hash(id)).toMatchObject({ attempts: "0", crashes: "0" });
  expect(await workers.seen(newer)).toEqual([]);
  const { client } = workers.queue.redis;
  await client.zRem(workers.queue.keys.queue("default", "later"), [unknown, newer]);
});

test("a handler that heeds no signal is given up, and its thread goes on", async () => {
  const hung = await workers.add("hangs", { maxAttempts: 2 });
  await workers.untilState([hung], "dead");
  expect(await workers.seen(hung)).toEqual(["began 1", "began 2"]);
  expect(await workers.errors(hung)).toEqual(
    Array.from({ length: 2 }, () => `TimeoutError: Cannot wait for "test.hangs" any longer`),
  );
});

test.each(["exits", "rejects_unhandled", "loops"])(
  "a job that ends its thread is buried and costs its neighbours nothing: %s",
  async (kind) => {
    const neighbours = await Promise.all(
      Array.from({ length: 3 }, () => workers.add("waits", { mark: kind })),
    );
    for (const id of neighbours)
      await until("a neighbour", async () => (await workers.seen(id)).length > 0);
    const poison = await workers.add(kind);
    await until("the end of the thread", async () => (await workers.errors(poison)).length > 0);
    await workers.mark(kind);
    await workers.untilState(neighbours, "done", RECOVERY_MS);
    await workers.untilState([poison], "dead", RECOVERY_MS);
    expect(await workers.seen(poison)).toEqual(["began 1", "began 1", "began 1"]);
    expect(await workers.errors(poison)).toEqual([CRASH, CRASH, CRASH]);
    const after = await workers.add("succeeds");
    await workers.untilState([after], "done", RECOVERY_MS);
    for (const id of neighbours) {
      // The first end may have been anybody's fault; from then on it was known not to be theirs.
      expect(await workers.queue.hash(id)).toMatchObject({ attempts: "1", crashes: "1" });
      expect((await workers.seen(id)).at(-1)).toBe("done 1");
    }
    expect(await workers.queue.line()).toMatchObject(EMPTY);
  },
);

test("a thread that a former job blocks after it was given up is replaced", async () => {
  const left = await workers.add("loops_later", { maxAttempts: 1, mark: "loops_later" });
  await workers.untilState([left], "dead");
  workers.lines.length = 0;
  await workers.mark("loops_later");
  const isReplaced = () => workers.lines.some(({ message }) => message === STUCK);
  await until("another thread", isReplaced, RECOVERY_MS);
  const next = await workers.add("succeeds");
  await workers.untilState([next], "done", RECOVERY_MS);
});
