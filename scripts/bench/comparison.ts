import type { Goal, Metric, Row } from "./contract.ts";
import type { Series } from "./rounds.ts";

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The value below which `share` of the sorted values lie. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  const index = Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1);
  return sorted[Math.max(0, index)] ?? Number.NaN;
}

/** One row for each metric and peer; the ratio is taken within a round, because rounds differ more than sides do. */
export function compare(metrics: Metric[], ours: Series, peers: Series[]): Row[] {
  return metrics.flatMap((metric) => peers.map((peer) => compareOne(metric, ours, peer)));
}

function compareOne({ name, unit }: Metric, ours: Series, peer: Series): Row {
  const our = valuesOf(ours, name);
  const their = valuesOf(peer, name);
  const base = { metric: name, unit, ours: middleOf(our), peer: peer.name };
  const problem = problemOf(ours) ?? problemOf(peer);
  if (problem !== undefined)
    return { ...base, theirs: middleOf(their), ratio: null, runs: 0, spread: null, problem };
  const ratios = our.map((value, round) => value / (their[round] ?? Number.NaN));
  return {
    ...base,
    theirs: middleOf(their),
    ratio: median(ratios),
    runs: ratios.length,
    spread: [Math.min(...ratios), Math.max(...ratios)],
  };
}

function valuesOf({ samples }: Series, metric: string): number[] {
  return samples.map((sample) => sample[metric] ?? Number.NaN);
}

function middleOf(values: number[]): number | null {
  return values.length === 0 ? null : median(values);
}

function problemOf({ name, samples, failure }: Series): string | undefined {
  if (failure !== undefined) return `${name}: ${failure}`;
  return samples.length === 0 ? `${name}: measured nothing` : undefined;
}

/** Whether the row reaches its goal; undefined where it has none. A row without a ratio reaches nothing. */
export function reaches(row: Row, goals: Goal[]): boolean | undefined {
  const goal = goals.find(({ metric, peer }) => metric === row.metric && peer === row.peer);
  if (!goal) return undefined;
  if (row.ratio === null) return false;
  return row.ratio >= (goal.atLeast ?? 0) && row.ratio <= (goal.atMost ?? Number.POSITIVE_INFINITY);
}
