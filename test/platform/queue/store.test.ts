import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";

import type { StartedJob } from "../../../src/platform/queue/store.ts";
import { newJob, openTestQueue, type TestQueue } from "../../support/jobs.ts";
import { until } from "../../support/poll.ts";

const EMPTY = { tickets: 0, pending: 0, later: 0, dead: [] };
const alone = { alone: true };
const SOON = { error: "{}", delayMs: 0 };

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.wipe());
afterAll(async () => {
  await queue[Symbol.asyncDispose]();
});

/** Tries every way of moving a job on; none may do anything. */
async function refuseAll(stale: StartedJob): Promise<void> {
  const before = [await queue.hash(stale.id), await queue.line()];
  expect(await queue.store.complete(stale)).toBe(false);
  expect(await queue.store.fail(stale, SOON)).toBe("lost");
  expect(await queue.store.fail(stale, { error: "{}", delayMs: undefined })).toBe("lost");
  expect(await queue.store.release(stale, 0)).toBe(false);
  expect(await queue.store.release(stale, 1_000)).toBe(false);
  expect(await queue.store.defer(stale, 1_000)).toBe(false);
  expect(await queue.store.renew("a", [stale])).toEqual([stale.entry]);
  expect([await queue.hash(stale.id), await queue.line()]).toEqual(before);
}

test("a job is handed out once, with all that was published, and leaves nothing but its record", async () => {
  const [id = ""] = await queue.add(1, { payload: `{"a":[1,"ü"]}`, version: 4, maxAttempts: 7 });
  const job = await queue.begin("a");
  expect(job).toMatchObject({ id, kind: "test.kind", version: 4, attempt: 1, maxAttempts: 7 });
  expect(job.payload).toEqual({ a: [1, "ü"] });
  expect(await queue.take("b")).toEqual([]);
  expect(await queue.store.complete(job)).toBe(true);
  expect(await queue.line()).toEqual(EMPTY);
  expect(await queue.store.listSettled(10)).toEqual([id]);
  expect(await queue.hash(id)).not.toHaveProperty("payload");
  expect(await queue.redis.client.ttl(queue.keys.jobs("default") + id)).toBeWithin(3_500, 3_601);
});

test("a ticket whose job has moved on is dropped", async () => {
  await queue.add(1);
  const [ticket] = await queue.take("a");
  if (!ticket) throw new Error("Cannot find the ticket");
  await queue.store.reap({ consumer: "a" });
  expect(await queue.store.start(ticket, alone)).toBeUndefined();
  const job = await queue.begin("b");
  expect(job.attempt).toBe(1);
  expect(await queue.store.start(ticket, alone)).toBeUndefined();
  expect(await queue.store.complete(job)).toBe(true);
  expect(await queue.store.start(job, alone)).toBeUndefined();
  expect(await queue.line()).toEqual(EMPTY);
});

test("a ticket of a job that is gone altogether is dropped", async () => {
  const [id = ""] = await queue.add(1);
  const [ticket] = await queue.take("a");
  await queue.redis.client.del(queue.keys.jobs("default") + id);
  expect(await queue.store.start(ticket ?? { id, entry: "0-1" }, alone)).toBeUndefined();
  expect(await queue.line()).toEqual(EMPTY);
});

test("a start whose answer was lost is repeated with the same token, and spends one attempt", async () => {
  await queue.add(1);
  const job = await queue.begin("a");
  expect(await queue.store.start(job, alone)).toEqual(job);
  expect(await queue.store.fail(job, { error: "{}", delayMs: 60_000 })).toBe("later");
  expect(await queue.store.start(job, alone)).toBeUndefined();
  await refuseAll(job);
});

test("the token of a former attempt can neither complete, fail, release nor renew", async () => {
  await queue.add(1);
  const first = await queue.begin("a");
  expect(await queue.store.fail(first, SOON)).toBe("later");
  await refuseAll(first);
  await queue.store.promote();
  await refuseAll(first);
  const second = await queue.begin("b");
  await refuseAll(first);
  await queue.store.reap({ consumer: "b" });
  await refuseAll(second);
  const third = await queue.begin("c");
  await refuseAll(second);
  await queue.store.release(third, 0);
  await refuseAll(third);
  const last = await queue.begin("c");
  expect(await queue.store.complete(last)).toBe(true);
  await refuseAll(third);
});

test("completing twice with one token is true both times and settles once", async () => {
  const [id = ""] = await queue.add(1);
  const job = await queue.begin("a");
  const both = await Promise.all([queue.store.complete(job), queue.other.complete(job)]);
  expect(both).toEqual([true, true]);
  expect(await queue.store.listSettled(10)).toEqual([id]);
  await queue.store.dropSettled([id]);
  expect(await queue.store.complete(job)).toBe(true);
  expect(await queue.store.listSettled(10)).toEqual([]);
});

test("attempts are counted, and the last failure buries the job with its whole history", async () => {
  const [id = ""] = await queue.add(1, { maxAttempts: 3 });
  for (const attempt of [1, 2, 3]) {
    const job = await queue.begin("a");
    expect(job.attempt).toBe(attempt);
    const outcome = await queue.store.fail(job, { error: `e${attempt}`, delayMs: 0 });
    expect(outcome).toBe(attempt === 3 ? "dead" : "later");
    expect(await queue.store.promote()).toBe(attempt === 3 ? 0 : 1);
  }
  expect(await queue.line()).toEqual({ ...EMPTY, dead: [id] });
  expect(await queue.hash(id)).toMatchObject({
    state: "dead",
    errors: "e1\ne2\ne3",
    payload: "{}",
  });
  expect(await queue.store.listSettled(10)).toEqual([]);
  expect(await queue.take("a")).toEqual([]);
});

test("a failure that is final buries at the first attempt", async () => {
  const [id = ""] = await queue.add(1);
  const job = await queue.begin("a");
  expect(await queue.store.fail(job, { error: "no", delayMs: undefined })).toBe("dead");
  expect(await queue.line()).toEqual({ ...EMPTY, dead: [id] });
});

test("a delayed job is not ready before its time, and is ready once after it", async () => {
  const [id = ""] = await queue.add(1);
  const job = await queue.begin("a");
  await queue.store.fail(job, { error: "{}", delayMs: 300 });
  const due = Number(await queue.redis.client.zScore(queue.keys.queue("default", "later"), id));
  const clock = async () => {
    const [seconds = "", micros = ""] = (await queue.redis.client.time()) as unknown as string[];
    return Number(seconds) * 1_000 + Number(micros) / 1_000;
  };
  let promoted = 0;
  await until("the job", async () => {
    const before = await clock();
    promoted = await queue.store.promote();
    // Nothing is early: whatever was promoted was due when the script had ended.
    if (promoted > 0) expect(await clock()).toBeGreaterThanOrEqual(due);
    else expect(before).toBeLessThan(due + 1);
    return promoted > 0;
  });
  expect(promoted).toBe(1);
  expect(await queue.store.promote()).toBe(0);
  expect(await queue.take("a")).toHaveLength(1);
});

test("a job that is handed back keeps its attempt, at once or after a while", async () => {
  await queue.add(1);
  expect(await queue.store.release(await queue.begin("a"), 0)).toBe(true);
  const again = await queue.begin("b");
  expect(again.attempt).toBe(1);
  expect(await queue.store.release(again, 60_000)).toBe(true);
  expect(await queue.line()).toEqual({ ...EMPTY, later: 1 });
  expect((await queue.hash(again.id))["attempts"]).toBe("0");
});

test("a job that is put off keeps its attempt and counts how often, until an attempt fails by itself", async () => {
  const [id = ""] = await queue.add(1, { maxAttempts: 2 });
  for (const deferrals of [0, 1, 2]) {
    const job = await queue.begin("a");
    expect(job).toMatchObject({ attempt: 1, deferrals });
    expect(await queue.store.defer(job, 0)).toBe(true);
    await refuseAll(job);
  }
  const job = await queue.begin("a");
  expect(await queue.store.defer(job, 60_000)).toBe(true);
  expect(await queue.line()).toEqual({ ...EMPTY, later: 1 });
  expect(await queue.hash(id)).toMatchObject({ attempts: "0", deferrals: "4" });
  expect(await queue.hash(id)).not.toHaveProperty("errors");
  const later = queue.keys.queue("default", "later");
  await queue.redis.client.zAdd(later, { score: 0, value: id });
  await queue.store.promote();
  expect(await queue.store.fail(await queue.begin("a"), SOON)).toBe("later");
  expect(await queue.hash(id)).not.toHaveProperty("deferrals");
});

test("a batch that Redis does not wait for changes nothing, and a repeated one adds nothing", async () => {
  const [first, second] = [newJob(), newJob()];
  expect(await queue.store.publish({ expected: 0, batch: 3, jobs: [first] })).toBe(3);
  expect(await queue.store.publish({ expected: 0, batch: 3, jobs: [first] })).toBe(3);
  expect(await queue.store.publish({ expected: 2, batch: 9, jobs: [second] })).toBe(3);
  expect(await queue.store.cursor()).toBe(3);
  expect(await queue.line()).toMatchObject({ tickets: 1 });
  expect(await queue.hash(second.id)).toEqual({});
  expect(await queue.store.publish({ expected: 3, batch: 4, jobs: [first, second] })).toBe(4);
  expect(await queue.line()).toMatchObject({ tickets: 2 });
});

test("a job that is settled is not added again, even when its record is gone", async () => {
  const job = newJob();
  await queue.store.publish({ expected: 0, batch: 1, jobs: [job] });
  await queue.store.complete(await queue.begin("a"));
  await queue.store.publish({ expected: 1, batch: 2, jobs: [job] });
  await queue.redis.client.del(queue.keys.jobs("default") + job.id);
  await queue.store.publish({ expected: 2, batch: 3, jobs: [job] });
  expect(await queue.line()).toEqual(EMPTY);
  expect(await queue.take("a")).toEqual([]);
});

test("two who promote and reap at once move each job once", async () => {
  await queue.add(300);
  const tickets = await queue.take("a", 300);
  await Promise.all(
    tickets.map(async (ticket, index) => {
      const job = await queue.store.start(ticket, alone);
      if (job && job !== "suspect" && index % 2 === 0)
        await queue.store.fail(job, { error: "{}", delayMs: 0 });
    }),
  );
  const both = [queue.store, queue.other];
  const moved = await Promise.all(
    both.flatMap((store) => [store.promote(), store.promote(), store.reap({ leaseMs: 0 })]),
  );
  const numbers = moved.filter((part) => typeof part === "number");
  const reaped = moved.filter((part) => Array.isArray(part)).flat();
  expect(numbers.reduce((sum, count) => sum + count, 0)).toBe(150);
  expect(reaped.map(({ id }) => id).toSorted()).toEqual(
    tickets
      .filter((_ticket, index) => index % 2 === 1)
      .map(({ id }) => id)
      .toSorted(),
  );
  expect(await queue.line()).toEqual({ ...EMPTY, tickets: 300 });
});

test("a Redis that has lost its scripts is taught them again", async () => {
  await queue.add(1);
  await queue.redis.client.scriptFlush();
  expect(await queue.store.complete(await queue.begin("a"))).toBe(true);
});
