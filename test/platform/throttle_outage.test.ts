import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";

import type { Attempt } from "../../src/platform/throttle.ts";
import { until } from "../support/poll.ts";
import { openTestRedisServer, type TestRedisServer } from "../support/redis_server.ts";
import { ask, openTestThrottles } from "../support/throttle.ts";

setDefaultTimeout(30_000);

const FREE = 5;

let server: TestRedisServer;
beforeAll(async () => {
  server = await openTestRedisServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function attempt(subject: string): Attempt {
  const policy = {
    name: "pair",
    freeFailures: FREE,
    firstWaitMs: 60_000,
    longestWaitMs: 600_000,
    isResetBySuccess: true,
  };
  return { scope: "outage", checks: [{ policy, subject }] };
}

test("an outage opens nothing: waits go on, newcomers get one allowance, and afterwards all is shared again", async () => {
  await using throttles = await openTestThrottles({ url: server.url });
  const { here, there, connections } = throttles;
  for (let turn = 0; turn < FREE; turn += 1) await ask(here, attempt("before"));
  const admitted = await ask(here, attempt("between"));
  if (typeof admitted === "number") throw new Error("Cannot try: it has to wait");

  await server.stop();
  await until("the loss to be noticed", () => !connections.some((one) => one.isReady()));
  expect(await ask(here, attempt("before"))).toBeGreaterThan(50);
  const burst = await Promise.all(Array.from({ length: 500 }, () => ask(here, attempt("during"))));
  expect(burst.filter((answer) => typeof answer === "object")).toHaveLength(FREE);
  // What was admitted while Redis was there is settled without it, and nobody waits for that.
  await admitted.succeed();
  for (let turn = 0; turn < FREE; turn += 1)
    expect(typeof (await ask(here, attempt("between")))).toBe("object");
  expect(await ask(here, attempt("between"))).toBeGreaterThan(50);

  await server.start();
  await until("Redis", () => connections.every((one) => one.isReady()));
  const after = await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      ask(index % 2 === 0 ? here : there, attempt("after")),
    ),
  );
  expect(after.filter((answer) => typeof answer === "object")).toHaveLength(FREE);
});
