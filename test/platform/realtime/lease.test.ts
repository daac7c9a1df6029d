import { expect, test } from "bun:test";

import { createLease } from "../../../src/platform/realtime/lease.ts";
import { until } from "../../support/poll.ts";

test("a lease without a proof runs out once, and a new proof brings it back", async () => {
  let lost = 0;
  const lease = createLease({ onLost: () => (lost += 1), lifeMs: 300 });
  expect(lease.isHeld()).toBe(true);
  await until("the end of the lease", () => !lease.isHeld());
  lease.prove(performance.now() - 10_000);
  expect([lost, lease.isHeld()]).toEqual([1, false]);
  lease.prove(performance.now());
  expect(lease.isHeld()).toBe(true);
  await until("its second end", () => lost === 2);
  lease.stop();
});
