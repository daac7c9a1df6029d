import { afterAll, beforeAll, expect, test } from "bun:test";

import { createLeases } from "../../../src/features/presence/service/leases.ts";
import { openTestQueue, type TestQueue } from "../../support/jobs.ts";
import { until } from "../../support/poll.ts";

let place: TestQueue;
beforeAll(async () => {
  place = await openTestQueue();
});
afterAll(() => place[Symbol.asyncDispose]());

/** The lease of one instance, which is running, in a Redis that knows of no other. */
async function openFirst() {
  await place.wipe();
  const first = createLeases(place);
  expect(await first.renew()).toBe(true);
  expect(await first.renew()).toBe(false);
  const nodes = place.keys.presence("nodes");
  const [id = ""] = await place.redis.client.zRange(nodes, 0, -1);
  /** As if it had not been renewed for long. */
  const age = async () => void (await place.redis.client.zAdd(nodes, { score: 1, value: id }));
  return { first, id, age };
}
const people = Array.from({ length: 500 }, (_, at) => `user ${at}`);

/** Takes off everybody who is left. */
async function reapAll(leases: ReturnType<typeof createLeases>): Promise<string[]> {
  const taken: string[] = [];
  for (;;) {
    const some = await leases.reap();
    if (some.length === 0) return taken;
    taken.push(...some);
  }
}

test("all instances know who is on one, as what, and that they are no longer", async () => {
  const { first } = await openFirst();
  const second = createLeases(place);
  await second.renew();
  await first.write([
    ["lan", "online"],
    ["minh", "away"],
  ]);
  await second.write([["minh", "online"]]);
  const all = { lan: "online", minh: "online", hoa: "offline" } as const;
  const names = Object.keys(all);
  for (const leases of [first, second])
    expect(Object.fromEntries(await leases.read(names))).toEqual(all);
  await second.write([["minh", undefined]]);
  await first.write([["lan", undefined]]);
  const left = { lan: "offline", minh: "away", hoa: "offline" } as const;
  expect(Object.fromEntries(await first.read(names))).toEqual(left);
  expect(await reapAll(second)).toEqual([]);
});

test("whoever was on an instance that has vanished is taken off once, however many take them off", async () => {
  const { first, id, age } = await openFirst();
  await first.write(people.map((name) => [name, "online"]));
  const [second, third] = [createLeases(place), createLeases(place)];
  for (const leases of [second, third]) await leases.renew();
  expect(await second.reap()).toEqual([]);
  await age();
  const taken = (await Promise.all([reapAll(second), reapAll(third)])).flat();
  expect(taken.toSorted()).toEqual(people.toSorted());
  const gone = async () => [...(await second.read(people)).values()].every((s) => s === "offline");
  await until("them to be seen as gone", gone);
  const { client } = place.redis;
  expect(await client.exists([id, "dead"].map((key) => place.keys.presence(key)))).toBe(0);
});

test("an instance that was taken for dead and lives begins anew, and nobody goes on taking its users off", async () => {
  const { first, age } = await openFirst();
  await first.write(people.map((name) => [name, "online"]));
  const second = createLeases(place);
  await second.renew();
  await age();
  // Some are taken off, and the rest are still to be.
  expect((await second.reap()).length).toBeGreaterThan(0);
  expect(await first.renew()).toBe(true);
  await first.write(people.map((name) => [name, "online"]));
  await reapAll(second);
  const back = async () => [...(await second.read(people)).values()].every((s) => s === "online");
  await until("all of them to be seen again", back);
  expect(await first.renew()).toBe(false);
});

test("a change is given to one of those who ask, and the next one not too soon", async () => {
  const { first } = await openFirst();
  const others = Array.from({ length: 5 }, () => createLeases(place));
  expect(await first.announce("lan")).toBeUndefined();
  await first.write([["lan", "online"]]);
  // Until they have heard of the first one's lease they would not count what stands under it.
  for (const leases of others) await leases.read(["lan"]);
  const all = [first, ...others];
  const answers = await Promise.all(all.map((leases) => leases.announce("lan")));
  expect(answers.filter((answer) => answer !== undefined)).toEqual([{ status: "online" }]);
  await first.write([["lan", "away"]]);
  const soon = await first.announce("lan");
  expect(soon && "waitMs" in soon && soon.waitMs > 4_000 && soon.waitMs <= 5_000).toBe(true);
  await first.write([["lan", "online"]]);
  expect(await first.announce("lan")).toBeUndefined();
});
