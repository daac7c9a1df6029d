/**
 * Many write, change, react and come and go through three instances while those, Redis and what is between them are killed,
 * cut off and silenced. Now and then everybody stops, and then three things have to be one: what each client has made of
 * what it was told, what it reads afresh, and what Postgres has. Nothing may be lost, doubled, swapped, made up, told twice
 * and differently, or told to who may not know of it. `--events` things happen, for `--seconds` at most, and are compared
 * each time after `--round` of them; `--faults` says how often something is broken, and `--seed` in which order.
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
      round: { type: "string", default: "20000" },
      faults: { type: "string", default: "60" },
      seconds: { type: "string", default: "3600" },
    },
  });
  const [seed, events, eventsPerRound, faults, seconds] = [
    values.seed,
    values.events,
    values.round,
    values.faults,
    values.seconds,
  ].map(readNumber) as [number, number, number, number, number];
  print(`seed ${seed}: ${events} events, ${faults} faults, ${seconds} s at most`);
  const budgetMs = seconds * 1_000;
  const report = await runModel({ seed, events, eventsPerRound, faults, budgetMs, print });
  const perSecond = Math.round(report.events / (report.talkMs / 1_000));
  print(`${report.events} events in ${report.rounds} rounds, ${perSecond} a second`);
  const done = Object.entries(report.done).map(([action, count]) => `${action} ${count}`);
  print(`answered as done: ${done.join(", ")}`);
  print(`${report.compared} events compared that clients were told`);
  print(`${report.sights} conversations of clients compared with HTTP and Postgres`);
  print(
    `${report.broken.length} faults, ${report.connects} connections, ${report.syncs} gaps told`,
  );
  const found = compareReport(report);
  if (found.length > 0) throw new Error(`seed ${seed}: ${found.join("; ")}`);
  print("0 lost, 0 doubled, 0 out of order, 0 told differently, 0 broken promises");
}

function readNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`Cannot read "${text}": it is no whole number`);
  return Number(text);
}
