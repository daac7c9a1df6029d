/**
 * Many write and read through three instances while those, Redis and what is between them are killed, cut off and silenced.
 * Afterwards the log of every client has to equal what Postgres has: nothing lost, doubled, swapped or made up, and every
 * message stored once that was acknowledged. `--events` messages are sent, `--seconds` at most; `--faults` says how often
 * something is broken, and `--seed` in which order.
 */
import { parseArgs } from "node:util";

import { runModel } from "../../test/support/consistency.ts";
import { compareReport } from "../../test/support/consistency_report.ts";
import type { ChaosOptions } from "../chaos.ts";

export async function run({ args, print }: ChaosOptions): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      events: { type: "string", default: "300000" },
      faults: { type: "string", default: "60" },
      seconds: { type: "string", default: "3600" },
    },
  });
  const [seed, events, faults, seconds] = [
    values.seed,
    values.events,
    values.faults,
    values.seconds,
  ].map(readNumber) as [number, number, number, number];
  print(`seed ${seed}: ${events} messages, ${faults} faults, ${seconds} s at most`);
  const report = await runModel({ seed, events, faults, budgetMs: seconds * 1_000, print });
  const perSecond = Math.round(report.sent / (report.sendMs / 1_000));
  print(`${report.sent} messages sent and acknowledged, ${perSecond} a second`);
  print(`${report.changed} changes of conversations among them, as far as they were answered`);
  print(`${report.compared} events compared in the logs of all clients`);
  print(
    `${report.connects} connections, ${report.syncs} gaps asked for, ${report.resends} resends`,
  );
  const faultsFound = compareReport(report);
  if (faultsFound.length > 0) throw new Error(`seed ${seed}: ${faultsFound.join(", ")}`);
  print("0 lost, 0 doubled, 0 out of order, 0 broken promises");
}

function readNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`Cannot read "${text}": it is no whole number`);
  return Number(text);
}
