/**
 * Opens and closes 10,000 sockets on one instance: every gauge of it is back where it was, and its memory is flat within
 * 5 %. `--connects 100000` takes another number.
 */
import { parseArgs } from "node:util";

import { openChurn } from "../../test/support/churn.ts";
import { type Gauges, growthOf, startGaugedServer } from "../../test/support/gauges.ts";
import { openCluster } from "../../test/support/instance.ts";
import { until } from "../../test/support/poll.ts";
import type { ChaosOptions } from "../chaos.ts";

/** Until what is only needed once is there: compiled code, pools, caches. */
const WARM_UP = 1_500;
const STEPS = 10;
const MOST_GROWTH = 0.05;
const RELEASE_LIMIT_MS = 60_000;

export async function run({ args, signal, print }: ChaosOptions): Promise<void> {
  const options = { connects: { type: "string", default: "10000" } } as const;
  const count = Number(parseArgs({ args, options }).values.connects);
  await using cluster = await openCluster();
  await using server = await startGaugedServer(cluster);
  const before = await server.read();
  const churn = await openChurn(server.url);
  const read = async (connects: number) => {
    await churn.run(connects);
    const held = await server.read();
    print(`${connects} sockets more: ${describe(held)}`);
    return held;
  };
  const warm = [await read(WARM_UP), await read(WARM_UP)];
  const after: Gauges[] = [];
  while (after.length < STEPS && !signal.aborted) after.push(await read(count / STEPS));
  let left = before;
  await until(
    "every gauge is back",
    async () => {
      left = await server.read();
      return Bun.deepEquals([left.gateway, left.hub], [before.gateway, before.hub]);
    },
    RELEASE_LIMIT_MS,
  ).catch((error: unknown) => {
    throw new Error(`Cannot find every gauge back: ${JSON.stringify(left)}`, { cause: error });
  });
  const { objects, memory } = growthOf(warm, after);
  print(
    `every gauge is back; ${objects} objects and ${(memory * 100).toFixed(1)} % of memory more`,
  );
  if (objects >= count / 10) throw new Error("Cannot find every object gone");
  if (memory > MOST_GROWTH) throw new Error("Cannot call the memory flat");
}

function describe({ rssBytes, objects }: Gauges): string {
  return `${(rssBytes / 1_048_576).toFixed(1)} MiB, ${objects} objects`;
}
