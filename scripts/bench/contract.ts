import type { Stage } from "./stage.ts";

/** What one round has measured, by the name of the metric. */
export type Sample = Record<string, number>;

/** Measures one round; a warm-up round is shorter and its numbers are thrown away. */
export type Measure = (round: { warmUp: boolean }) => Promise<Sample>;

/** One of those that are compared. */
export interface Side {
  name: string;
  /** Starts what the side needs. @throws when it is missing; the others are compared without it. */
  open: () => Promise<Measure>;
}

export interface Metric {
  name: string;
  unit: string;
}

/** What the ratio of ours to theirs must be. A missed goal is shown, and fails the run only with `--check`. */
export interface Goal {
  metric: string;
  peer: string;
  atLeast?: number;
  atMost?: number;
}

/** One comparison; the numbers are null where a side is missing or has failed, and `problem` then says why. */
export interface Row {
  metric: string;
  unit: string;
  /** Median of the rounds. */
  ours: number | null;
  peer: string;
  theirs: number | null;
  /** Median of ours / theirs, taken within each round. */
  ratio: number | null;
  runs: number;
  /** Smallest and largest ratio of any round. */
  spread: [number, number] | null;
  problem?: string;
}

export interface Outcome {
  rows: Row[];
  /** What a reader must know to judge the rows; printed below them. */
  notes: string[];
}

/** A file in `benches/` exports one of these; scripts/bench.ts lists it. */
export interface Bench {
  name: string;
  title: string;
  goals: Goal[];
  run: (stage: Stage) => Promise<Outcome>;
}
