import type { Sample, Side } from "./contract.ts";

/** What a side has measured, one sample a round, or why there is nothing to compare. */
export interface Series {
  name: string;
  samples: Sample[];
  failure?: string;
}

export interface RoundsOptions {
  /** Odd, so that the median is a round that took place. */
  rounds: number;
  progress: (line: string) => void;
}

/**
 * Opens all sides, warms each up, then measures them in turn, round by round, so that whatever slows the machine down
 * hits all of them. A side that fails once is out: its rounds before do not count either.
 */
export async function alternate(sides: Side[], options: RoundsOptions): Promise<Series[]> {
  const { rounds, progress } = options;
  const running = [];
  for (const side of sides) {
    const series: Series = { name: side.name, samples: [] };
    progress(`starting ${side.name}`);
    const measure = await attempt(series, () => side.open());
    running.push({ series, measure });
  }
  for (const { series, measure } of running) {
    if (!measure) continue;
    progress(`warming up ${series.name}`);
    await attempt(series, () => measure({ warmUp: true }));
  }
  for (let round = 0; round < rounds; round += 1) {
    progress(`round ${round + 1} of ${rounds}`);
    for (const index of orderOf(round, running.length)) {
      const { series, measure } = running[index] ?? {};
      if (!series || !measure || series.failure !== undefined) continue;
      const sample = await attempt(series, () => measure({ warmUp: false }));
      if (sample) series.samples.push(sample);
    }
  }
  return running.map(({ series }) => series);
}

/** Each round begins with the next side, so that nobody always runs behind the same one. */
export function orderOf(round: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (index + round) % count);
}

async function attempt<T>(series: Series, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    series.failure ??= error instanceof Error ? error.message : String(error);
    series.samples = [];
    return undefined;
  }
}
