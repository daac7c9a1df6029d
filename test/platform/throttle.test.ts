import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";

import { AppError, NotFound } from "../../src/platform/errors.ts";
import { workWithin } from "../../src/platform/throttle.ts";
import {
  ACCOUNT,
  ADDRESS,
  age,
  ask,
  attempt,
  exhaust,
  FIRST_WAIT_S,
  listThrottleKeys,
  LONGEST_WAIT_S,
  openTestThrottles,
  PAIR,
  succeed,
  type TestThrottles,
  unique,
  waitOf,
} from "../support/throttle.ts";

setDefaultTimeout(30_000);

let throttles: TestThrottles;
beforeAll(async () => {
  throttles = await openTestThrottles();
});
afterAll(async () => {
  await throttles[Symbol.asyncDispose]();
});

async function pass(ms: number): Promise<void> {
  await age(throttles.client, throttles.prefix, ms);
}

test("of a thousand tries at once on two instances, exactly the free ones are admitted", async () => {
  const tried = attempt("lan", "203.0.113.7");
  const { here, there } = throttles;
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_, index) => ask(index % 2 === 0 ? here : there, tried)),
  );
  expect(answers.filter((answer) => typeof answer !== "number")).toHaveLength(PAIR.freeFailures);
  const waits = answers.filter((answer) => typeof answer === "number");
  expect(waits).toHaveLength(1_000 - PAIR.freeFailures);
  expect(Math.max(...waits)).toBe(FIRST_WAIT_S);
});

test("waits double up to the longest, and after each a try is admitted: nobody is locked out", async () => {
  const tried = attempt("lan", "203.0.113.7");
  await exhaust(throttles.here, tried);
  const waits = [await waitOf(throttles.there, tried)];
  while (waits.length < 12) {
    await pass((waits.at(-1) ?? 0) * 1_000);
    expect(typeof (await ask(throttles.here, tried))).toBe("object");
    waits.push(await waitOf(throttles.there, tried));
  }
  // Failures are forgiven meanwhile, so it is a little less than twice as long.
  for (const [turn, wait] of waits.slice(1, 4).entries()) {
    const ratio = wait / (waits[turn] ?? 0);
    expect(ratio > 1.4 && ratio < 2.2).toBe(true);
  }
  expect(Math.max(...waits)).toBeLessThanOrEqual(LONGEST_WAIT_S);
  expect(waits.at(-1)).toBeGreaterThan(LONGEST_WAIT_S * 0.8);
});

test("a refused try counts nowhere, so a client that insists waits no longer", async () => {
  const tried = attempt("lan", "203.0.113.7");
  await exhaust(throttles.here, tried);
  for (let turn = 0; turn < 100; turn += 1)
    expect(await waitOf(throttles.there, tried)).toBeLessThanOrEqual(FIRST_WAIT_S);
  // The same address has as much left for other accounts as if those had never been.
  const other = attempt("minh", "203.0.113.7", tried.scope);
  const third = attempt("an", "203.0.113.7", tried.scope);
  expect(await exhaust(throttles.here, other)).toBe(PAIR.freeFailures);
  expect(await exhaust(throttles.here, third)).toBe(PAIR.freeFailures);
});

test("guesses from many addresses are held by the account, and many accounts by the address", async () => {
  const scope = unique("scope");
  let admitted = 0;
  for (let turn = 0; turn < 30; turn += 1)
    if (typeof (await ask(throttles.here, attempt("lan", `203.0.113.${turn}`, scope))) === "object")
      admitted += 1;
  expect(admitted).toBe(ACCOUNT.freeFailures);
  admitted = 0;
  for (let turn = 0; turn < 50; turn += 1)
    if (
      typeof (await ask(throttles.there, attempt(`p${turn}`, "198.51.100.1", scope))) === "object"
    )
      admitted += 1;
  expect(admitted).toBe(ADDRESS.freeFailures);
});

test("a success is no failure, and forgives those of its pair, but not those of the account", async () => {
  const scope = unique("scope");
  const mine = attempt("lan", "203.0.113.7", scope);
  for (let turn = 0; turn < 100; turn += 1) await succeed(throttles.here, mine);
  await ask(throttles.here, mine);
  await ask(throttles.here, mine);
  await succeed(throttles.there, mine);
  // Three more on the pair, and on the account the two from before and one more, then it is full for strangers.
  expect(await exhaust(throttles.here, mine)).toBe(PAIR.freeFailures);
  const strange = attempt("lan", "198.51.100.9", scope);
  expect(await exhaust(throttles.here, strange)).toBe(1);
});

test("a try that was not the caller's fault leaves everything as it was", async () => {
  const tried = attempt("lan", "203.0.113.7");
  for (let turn = 0; turn < 20; turn += 1) {
    const admitted = await ask(turn % 2 === 0 ? throttles.here : throttles.there, tried);
    if (typeof admitted === "number") throw new Error(`Cannot try: wait ${admitted} s`);
    await admitted.cancel();
  }
  expect(await exhaust(throttles.here, tried)).toBe(PAIR.freeFailures);
});

test("of work that is done within a throttle, only what is counted is held against the caller", async () => {
  const tried = { ...attempt("lan", "203.0.113.9"), counted: [NotFound] };
  const fail = (error: Error) =>
    workWithin(throttles.here, tried, () => Promise.reject(error)).catch(
      (thrown: unknown) => thrown,
    );
  const [ours, theirs] = [new Error("Cannot work"), new AppError(NotFound, "Cannot find it")];
  for (let turn = 0; turn < PAIR.freeFailures * 2; turn += 1) expect(await fail(ours)).toBe(ours);
  expect(await workWithin(throttles.there, tried, async () => 7)).toBe(7);
  for (let turn = 0; turn < PAIR.freeFailures; turn += 1) expect(await fail(theirs)).toBe(theirs);
  expect(await waitOf(throttles.there, tried)).toBe(FIRST_WAIT_S);
});

test("where tries are to be few, a success is one", async () => {
  const tried = { ...attempt("lan", "203.0.113.10"), counted: [], isSuccessCounted: true };
  for (let turn = 0; turn < PAIR.freeFailures; turn += 1)
    await workWithin(throttles.here, tried, async () => turn);
  expect(await waitOf(throttles.there, tried)).toBe(FIRST_WAIT_S);
});

test("strangers who keep an account busy do not keep its owner out, who is held by the pair alone", async () => {
  const scope = unique("scope");
  const owner = attempt("lan", "203.0.113.7", scope);
  await succeed(throttles.here, owner);
  for (let turn = 0; turn < 30; turn += 1)
    await ask(throttles.here, attempt("lan", `198.51.100.${turn}`, scope));
  expect(typeof (await ask(throttles.there, attempt("lan", "192.0.2.1", scope)))).toBe("number");
  expect(await exhaust(throttles.there, owner)).toBe(PAIR.freeFailures);
  // It is known of this account only, and not for ever.
  const another = attempt("minh", "203.0.113.7", scope);
  for (let turn = 0; turn < 30; turn += 1)
    await ask(throttles.here, attempt("minh", `198.51.100.${turn}`, scope));
  expect(typeof (await ask(throttles.here, another))).toBe("number");
});

test("an office behind one address works on while somebody in it tries many accounts", async () => {
  const scope = unique("scope");
  const colleague = attempt("lan", "203.0.113.7", scope);
  await succeed(throttles.here, colleague);
  for (let turn = 0; turn < 100; turn += 1)
    await ask(throttles.here, attempt(`p${turn}`, "203.0.113.7", scope));
  expect(await waitOf(throttles.here, attempt("new", "203.0.113.7", scope))).toBeGreaterThan(0);
  await succeed(throttles.there, colleague);
});

test("failures of those who need not wait keep others waiting no longer than the highest count lasts", async () => {
  const scope = unique("scope");
  const office = "203.0.113.7";
  const colleagues = Array.from({ length: 30 }, (_, at) => attempt(`p${at}`, office, scope));
  for (const colleague of colleagues) await succeed(throttles.here, colleague);
  for (const colleague of colleagues) await exhaust(throttles.here, colleague);
  const highest = ADDRESS.freeFailures + Math.ceil(Math.log2(LONGEST_WAIT_S / FIRST_WAIT_S));
  await pass(highest * LONGEST_WAIT_S * 1_000);
  let admitted = 0;
  while (typeof (await ask(throttles.there, attempt(unique("new"), office, scope))) === "object")
    admitted += 1;
  expect(admitted).toBe(ADDRESS.freeFailures);
});

test("who has not succeeded for a month is a stranger again", async () => {
  const scope = unique("scope");
  const owner = attempt("lan", "203.0.113.7", scope);
  const flood = async () => {
    for (let turn = 0; turn < 12; turn += 1)
      await ask(throttles.here, attempt("lan", `198.51.100.${turn}`, scope));
  };
  await succeed(throttles.here, owner);
  await pass(29 * 86_400_000);
  await flood();
  const known = await ask(throttles.here, owner);
  expect(typeof known).toBe("object");
  await pass(2 * 86_400_000);
  await flood();
  expect(typeof (await ask(throttles.here, owner))).toBe("number");
});

test("every count ends by itself, and no subject can be read from a key", async () => {
  const { here, client, prefix } = throttles;
  const tried = attempt("lan@example.com", "203.0.113.7");
  await exhaust(here, tried);
  await pass(LONGEST_WAIT_S * 1_000);
  await succeed(here, tried);
  const keys = await listThrottleKeys(client, prefix);
  expect(keys.length).toBeGreaterThan(3);
  expect(keys.filter((key) => /lan|203\.0/.test(key))).toEqual([]);
  const lives = await Promise.all(keys.map((key) => client.pTTL(key)));
  for (const life of lives) {
    expect(life).toBeGreaterThan(0);
    expect(life).toBeLessThanOrEqual(30 * 86_400_000);
  }
});

test("a scale multiplies what is free, and is never less than one try", async () => {
  await using wide = await openTestThrottles({ scale: 10 });
  expect(await exhaust(wide.here, attempt("lan", "203.0.113.7"))).toBe(30);
  await using narrow = await openTestThrottles({ scale: 0.01 });
  expect(await exhaust(narrow.here, attempt("lan", "203.0.113.7"))).toBe(1);
});
