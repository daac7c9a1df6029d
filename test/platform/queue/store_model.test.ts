import { expect, test } from "bun:test";

import fc from "fast-check";

import type { StartedJob, Ticket } from "../../../src/platform/queue/store.ts";
import { newJob, openTestQueue, type TestQueue } from "../../support/jobs.ts";

const CONSUMERS = ["a", "b", "c"];
const MAX_ATTEMPTS = 3;

/** What must be true, kept beside Redis: who holds what, and with which tokens nobody may move a job any more. */
interface Model {
  published: Set<string>;
  ended: Map<string, "done" | "dead">;
  tickets: { consumer: string; ticket: Ticket }[];
  held: { consumer: string; job: StartedJob }[];
  spent: StartedJob[];
}

type Command = fc.AsyncCommand<Model, TestQueue>;

/** A step that is always possible, and picks among what there is by a number. */
function step(
  name: string,
  run: (model: Model, queue: TestQueue, pick: number) => Promise<void>,
): fc.Arbitrary<Command> {
  return fc.nat(1_000).map((pick) => ({
    check: () => true,
    run: (model, queue) => run(model, queue, pick),
    toString: () => `${name}(${pick})`,
  }));
}

function takeOut<T>(list: T[], pick: number): T | undefined {
  return list.length === 0 ? undefined : list.splice(pick % list.length, 1)[0];
}

function consumerOf(pick: number): string {
  return CONSUMERS[pick % CONSUMERS.length] ?? "a";
}

const publish = step("publish", async (model, queue, pick) => {
  const jobs = Array.from({ length: 1 + (pick % 3) }, () => newJob({ maxAttempts: MAX_ATTEMPTS }));
  const cursor = await queue.store.cursor();
  await queue.store.publish({ expected: cursor, batch: cursor + 1, jobs });
  // The same batch again, as another relay would send it.
  await queue.other.publish({ expected: cursor, batch: cursor + 1, jobs });
  for (const { id } of jobs) model.published.add(id);
});

const fetch = step("fetch", async (model, queue, pick) => {
  const consumer = consumerOf(pick);
  const tickets = await queue.take(consumer, 1 + (pick % 4));
  model.tickets.push(...tickets.map((ticket) => ({ consumer, ticket })));
  // What it begins at once is what would be in hand when it dies.
  const first = model.tickets.at(-1);
  if (pick % 2 === 0 && first) await begin(model, queue, first);
});

const start = step("start", async (model, queue, pick) => {
  const taken = takeOut(model.tickets, pick);
  if (taken) await begin(model, queue, taken);
});

async function begin(
  model: Model,
  queue: TestQueue,
  { consumer, ticket }: Model["tickets"][number],
): Promise<void> {
  model.tickets = model.tickets.filter((taken) => taken.ticket !== ticket);
  const job = await queue.store.start(ticket, { alone: true });
  if (!job || job === "suspect") return;
  expect(model.ended.has(job.id)).toBe(false);
  // Nobody else may hold a token of this job that still works.
  expect(model.held.filter(({ job: { id } }) => id === job.id)).toEqual([]);
  expect(job.attempt).toBeWithin(1, MAX_ATTEMPTS + 1);
  model.held.push({ consumer, job });
}

const complete = step("complete", async (model, queue, pick) => {
  const holding = takeOut(model.held, pick);
  if (!holding) return;
  const both = [queue.store.complete(holding.job), queue.other.complete(holding.job)];
  expect(await Promise.all(both)).toEqual([true, true]);
  model.ended.set(holding.job.id, "done");
});

const fail = step("fail", async (model, queue, pick) => {
  const holding = takeOut(model.held, pick);
  if (!holding) return;
  const isLast = holding.job.attempt === MAX_ATTEMPTS || pick % 7 === 0;
  const delayMs = pick % 7 === 0 ? undefined : pick % 3;
  const outcome = await queue.store.fail(holding.job, { error: "{}", delayMs });
  expect(outcome).toBe(isLast ? "dead" : "later");
  if (outcome === "dead") model.ended.set(holding.job.id, "dead");
  model.spent.push(holding.job);
});

const release = step("release", async (model, queue, pick) => {
  const holding = takeOut(model.held, pick);
  if (!holding) return;
  expect(await queue.store.release(holding.job, pick % 2)).toBe(true);
  model.spent.push(holding.job);
});

/** A consumer dies: what it had is put back, and it goes on talking as one that does not know that it is dead. */
const die = step("die", async (model, queue, pick) => {
  const consumer = consumerOf(pick);
  const lost = model.held.filter((holding) => holding.consumer === consumer);
  model.held = model.held.filter((holding) => holding.consumer !== consumer);
  const reaped = await queue.store.reap({ consumer });
  expect(reaped.map(({ id }) => id).toSorted()).toEqual(lost.map(({ job }) => job.id).toSorted());
  for (const { id, outcome } of reaped) if (outcome === "dead") model.ended.set(id, "dead");
  model.spent.push(...lost.map(({ job }) => job));
  await queue.store.forget(consumer);
});

const renew = step("renew", async (model, queue, pick) => {
  const consumer = consumerOf(pick);
  const held = model.held.filter((holding) => holding.consumer === consumer);
  const jobs = held.map(({ job }) => job);
  expect(await queue.store.renew(consumer, jobs)).toEqual([]);
});

const promote = step("promote", async (_model, queue) => {
  await Promise.all([queue.store.promote(), queue.other.promote()]);
});

/** A worker that lost its job tries to move it on all the same. */
const interfere = step("interfere", async (model, queue, pick) => {
  // Where one of them is in hand again there is most to be broken.
  const isHeld = ({ id }: StartedJob) => model.held.some(({ job }) => job.id === id);
  const again = model.spent.filter(isHeld);
  const among = again.length > 0 ? again : model.spent;
  const stale = among[pick % Math.max(1, among.length)];
  if (!stale) return;
  expect(await queue.store.renew("a", [stale])).toEqual([stale.entry]);
  expect(await queue.store.complete(stale)).toBe(false);
  expect(await queue.store.fail(stale, { error: "{}", delayMs: 0 })).toBe("lost");
  expect(await queue.store.release(stale, 0)).toBe(false);
});

/** What is in line is exactly what waits or runs, so nothing is stranded and nothing is left behind. */
async function checkLine(model: Model, queue: TestQueue): Promise<void> {
  const hashes = await Promise.all([...model.published].map((id) => queue.hash(id)));
  const count = (...states: string[]) =>
    hashes.filter(({ state = "" }) => states.includes(state)).length;
  const { tickets, later, dead } = await queue.line();
  expect([tickets, later, dead.length]).toEqual([
    count("ready", "active"),
    count("later"),
    count("dead"),
  ]);
  expect(count("active")).toBe(model.held.length);
}

/** Whatever is left is done by one worker that makes no mistake. */
async function finish(model: Model, queue: TestQueue): Promise<void> {
  for (const consumer of CONSUMERS) {
    const reaped = await queue.store.reap({ consumer });
    for (const { id, outcome } of reaped) if (outcome === "dead") model.ended.set(id, "dead");
  }
  while (model.ended.size < model.published.size) {
    await queue.store.promote();
    const tickets = await queue.take("last");
    for (const ticket of tickets) {
      const job = await queue.store.start(ticket, { alone: true });
      if (!job || job === "suspect") throw new Error("Cannot start what was just taken");
      expect(model.ended.has(job.id)).toBe(false);
      expect(await queue.store.complete(job)).toBe(true);
      model.ended.set(job.id, "done");
    }
  }
}

async function checkEnd(model: Model, queue: TestQueue): Promise<void> {
  const ends = await Promise.all(
    [...model.published].map(async (id) => [id, (await queue.hash(id))["state"]] as const),
  );
  expect(new Map(ends)).toEqual(
    new Map([...model.published].map((id) => [id, model.ended.get(id)])),
  );
  const dead = ends.filter(([, state]) => state === "dead").map(([id]) => id);
  const { dead: buried, ...line } = await queue.line();
  expect(line).toEqual({ tickets: 0, pending: 0, later: 0 });
  expect(buried.toSorted()).toEqual(dead.toSorted());
  const done = ends.filter(([, state]) => state === "done").map(([id]) => id);
  expect((await queue.store.listSettled(1_000)).toSorted()).toEqual(done.toSorted());
}

test("whatever workers do and in whatever order, every job ends once, and nothing of it is left in line", async () => {
  await using queue = await openTestQueue();
  const commands = fc.commands(
    [publish, fetch, start, complete, fail, release, die, renew, promote, interfere],
    { maxCommands: 60, size: "max" },
  );
  await fc.assert(
    fc.asyncProperty(commands, async (steps) => {
      await queue.wipe();
      const setup = (): { model: Model; real: TestQueue } => ({
        model: { published: new Set(), ended: new Map(), tickets: [], held: [], spent: [] },
        real: queue,
      });
      const { model, real } = setup();
      await fc.asyncModelRun(() => ({ model, real }), steps);
      await checkLine(model, real);
      await finish(model, real);
      await checkEnd(model, real);
    }),
    { seed: 815, numRuns: 40 },
  );
}, 30_000);
