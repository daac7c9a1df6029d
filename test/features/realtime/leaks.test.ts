import { expect, test } from "bun:test";

import { openChurn } from "../../support/churn.ts";
import { type Gauges, growthOf, startGaugedServer } from "../../support/gauges.ts";
import { openCluster } from "../../support/instance.ts";
import { until } from "../../support/poll.ts";

/** `bun run chaos leaks` makes ten times as many. */
const CONNECTS = 300;
const STEPS = 4;
const LONG_TEST_MS = 120_000;

test(
  "sockets that came and went leave nothing behind: every gauge is back where it was, and the memory is flat",
  async () => {
    await using cluster = await openCluster();
    await using server = await startGaugedServer(cluster);
    const before = await server.read();
    const churn = await openChurn(server.url);
    const read = async () => {
      await churn.run(CONNECTS);
      return await server.read();
    };
    // What is only needed once is there after these.
    const warm = [await read(), await read()];
    const after: Gauges[] = [];
    for (let step = 0; step < STEPS; step += 1) after.push(await read());
    const { objects, memory } = growthOf(warm, after);
    // Less than one object for each socket.
    expect(objects).toBeLessThan(CONNECTS * STEPS);
    expect(memory).toBeLessThan(0.05);
    let last = before;
    await until(
      "every gauge is back",
      async () => {
        last = await server.read();
        return Bun.deepEquals([last.gateway, last.hub], [before.gateway, before.hub]);
      },
      30_000,
    ).catch(() => undefined);
    expect([last.gateway, last.hub]).toEqual([before.gateway, before.hub]);
  },
  LONG_TEST_MS,
);
