import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";

import { openTestQueue, type TestQueue } from "../../support/jobs.ts";
import { until } from "../../support/poll.ts";

const alone = { alone: true };

let queue: TestQueue;
beforeAll(async () => {
  queue = await openTestQueue();
});
beforeEach(() => queue.wipe());
afterAll(async () => {
  await queue[Symbol.asyncDispose]();
});

test("what a consumer leaves is put back at once, crashes are counted, and the third buries", async () => {
  const [first = "", second = ""] = await queue.add(2, { maxAttempts: 1 });
  for (const crash of [1, 2, 3]) {
    const job = await queue.begin("a");
    expect(job).toMatchObject({ id: first, attempt: 1 });
    expect(await queue.take("a")).toEqual([{ id: second, entry: expect.any(String) }]);
    // Another consumer's jobs stay where they are.
    expect(await queue.store.reap({ consumer: "b" })).toEqual([]);
    const outcome = crash === 3 ? "dead" : "ready";
    expect(await queue.store.reap({ consumer: "a" })).toEqual([{ id: first, outcome }]);
    expect(await queue.store.reap({ consumer: "a" })).toEqual([]);
  }
  expect(await queue.line()).toEqual({ tickets: 1, pending: 0, later: 0, dead: [first] });
  const { crashes, errors = "" } = await queue.hash(first);
  expect(crashes).toBe("3");
  expect(errors.split("\n")).toEqual(Array.from({ length: 3 }, () => expect.any(String)));
  // The one that was only waiting is blamed for nothing.
  expect(await queue.hash(second)).toMatchObject({ state: "ready", crashes: "0", attempts: "0" });
});

test("three killed processes bury no job, and the twentieth does", async () => {
  const [id = ""] = await queue.add(1, { maxAttempts: 1 });
  for (let lapse = 1; lapse <= 20; lapse += 1) {
    const [ticket] = await queue.take("a");
    if (!ticket) throw new Error("Cannot find the ticket");
    // What was in hand when a process vanished is a suspect like any other.
    const begun = await queue.store.start(ticket, { alone: false });
    if (lapse === 1) expect(begun).toMatchObject({ id, attempt: 1 });
    else expect(begun).toBe("suspect");
    expect(await queue.store.start(ticket, alone)).toMatchObject({ id, attempt: 1 });
    const outcome = lapse === 20 ? "dead" : "ready";
    expect(await queue.store.reap({ leaseMs: 0 })).toEqual([{ id, outcome }]);
  }
  expect(await queue.hash(id)).toMatchObject({ crashes: "0", lapses: "20" });
  expect(await queue.line()).toEqual({ tickets: 0, pending: 0, later: 0, dead: [id] });
});

test("processes that vanished do not shorten what is borne of threads that end", async () => {
  const [id = ""] = await queue.add(1);
  for (const outcome of ["ready", "ready", "dead"] as const) {
    if (outcome !== "dead") {
      await queue.begin("a");
      expect(await queue.store.reap({ leaseMs: 0 })).toEqual([{ id, outcome: "ready" }]);
    }
    await queue.begin("a");
    expect(await queue.store.reap({ consumer: "a" })).toEqual([{ id, outcome }]);
  }
  expect(await queue.hash(id)).toMatchObject({ state: "dead", crashes: "3", lapses: "2" });
});

test("a job that may have ended its worker runs alone from then on, and spends nothing by waiting", async () => {
  await queue.add(1);
  await queue.begin("a");
  await queue.store.reap({ consumer: "a" });
  const [ticket] = await queue.take("b");
  if (!ticket) throw new Error("Cannot find the ticket");
  expect(await queue.store.start(ticket, { alone: false })).toBe("suspect");
  const waiting = { ...ticket, token: "" };
  expect(await queue.store.renew("b", [waiting])).toEqual([]);
  const job = await queue.store.start(ticket, alone);
  expect(job).toMatchObject({ id: ticket.id, attempt: 1 });
  // Its turn has come, so the claim of a waiting ticket is over.
  expect(await queue.store.renew("b", [waiting])).toEqual([ticket.entry]);
});

test("a consumer that left more than one script looks at leaves all of it, and then its name", async () => {
  await queue.add(450);
  expect(await queue.take("a", 450)).toHaveLength(450);
  await queue.store.forget("a");
  expect(await queue.line()).toMatchObject({ tickets: 450, pending: 450 });
  await queue.store.reap({ consumer: "a" });
  await queue.store.forget("a");
  expect(await queue.line()).toMatchObject({ tickets: 450, pending: 0 });
  expect(await consumers()).toEqual([]);
  expect(await queue.take("b", 450)).toHaveLength(450);
});

test("names of vanished consumers are swept, except of those that hold something or were just here", async () => {
  await queue.add(1);
  await queue.take("holder");
  const ready = queue.keys.queue("default", "ready");
  await queue.redis.client.xGroupCreateConsumer(ready, "workers", "gone");
  expect(await queue.store.sweep(60_000)).toBe(0);
  expect(await queue.store.sweep(0)).toBe(1);
  expect(await consumers()).toEqual(["holder"]);
  expect(await queue.line()).toMatchObject({ tickets: 1, pending: 1 });
});

test("a consumer that is swept while it waits for work gets the next ticket all the same", async () => {
  await queue.add(1);
  await queue.take("waiting");
  await queue.store.reap({ consumer: "waiting" });
  await queue.store.complete(await queue.begin("waiting"));
  const { reader } = queue;
  const waiting = queue.store.fetch(reader, { consumer: "waiting", limit: 1, waitMs: 5_000 });
  await until("a waiting consumer", isBlocked);
  expect(await queue.store.sweep(0)).toBe(1);
  const [id = ""] = await queue.add(1);
  expect(await waiting).toEqual([{ id, entry: expect.any(String) as string }]);
  expect(await queue.line()).toMatchObject({ tickets: 1, pending: 1 });
});

async function isBlocked(): Promise<boolean> {
  const clients = await queue.redis.client.clientList();
  return clients.some(({ name, flags }) => name === "frm-ai-reader" && flags.includes("b"));
}

async function consumers(): Promise<string[]> {
  const ready = queue.keys.queue("default", "ready");
  return (await queue.redis.client.xInfoConsumers(ready, "workers")).map(({ name }) => name);
}

test("a lease that is renewed is not over, and one that is not renewed is", async () => {
  const [kept = "", left = ""] = await queue.add(2);
  const [renewed, forgotten] = [await queue.begin("a"), await queue.begin("b")];
  expect([renewed.id, forgotten.id]).toEqual([kept, left]);
  const leaseMs = 150;
  let reaped: string[] = [];
  await until("the end of a lease", async () => {
    expect(await queue.store.renew("a", [renewed])).toEqual([]);
    reaped = (await queue.other.reap({ leaseMs })).map(({ id }) => id);
    return reaped.length > 0;
  });
  expect(reaped).toEqual([left]);
  expect(await queue.store.renew("b", [forgotten])).toEqual([forgotten.entry]);
  expect(await queue.store.complete(renewed)).toBe(true);
});

test("a renewal does not bring a consumer's lost jobs back to it", async () => {
  await queue.add(1);
  const lost = await queue.begin("a");
  await queue.store.reap({ consumer: "a" });
  const current = await queue.begin("b");
  expect(await queue.store.renew("a", [lost])).toEqual([lost.entry]);
  expect(await queue.store.renew("b", [current])).toEqual([]);
  expect(await queue.store.reap({ consumer: "a" })).toEqual([]);
  expect(await queue.store.complete(current)).toBe(true);
});
