import { expect, test } from "bun:test";

import { createLifecycle } from "../../src/platform/lifecycle.ts";
import { createLog } from "../../src/platform/log.ts";

const lines: string[] = [];
const log = createLog({
  level: "debug",
  pretty: false,
  write: (line) => void lines.push(line),
  now: () => new Date(0),
});

test("parts stop in the reverse order, once", async () => {
  const order: string[] = [];
  const lifecycle = createLifecycle(log, 1_000);
  for (const name of ["database", "relay", "server"])
    lifecycle.add(name, () => void order.push(name));
  await Promise.all([lifecycle.stop(), lifecycle.stop()]);
  expect(order).toEqual(["server", "relay", "database"]);
});

test("a part that fails or hangs does not keep the others from stopping", async () => {
  const lifecycle = createLifecycle(log, 300);
  const stopped = Promise.withResolvers<string>();
  lifecycle.add("last", () => stopped.resolve("last"));
  lifecycle.add("stuck", () => Promise.withResolvers<void>().promise);
  lifecycle.add("broken", () => Promise.reject(new Error("no")));
  await lifecycle.stop();
  expect(await stopped.promise).toBe("last");
  expect(lines.join("\n")).toContain("stuck");
});
