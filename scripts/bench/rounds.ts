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
 * Opens all sides, warms each up, then measures all of them, round by round and each time in another order, so that
 * whatever slows the machine down hits all of them. A side that fails once is out: its rounds before do not count either.
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

/**
 * The order of one round, by chance but the same in every run: a side that heats the processor up or leaves much to be
 * cleaned away harms another neighbour each time. Each of the sides begins once before any of them begins again.
 */
export function orderOf(round: number, count: number): number[] {
  const sides = Array.from({ length: count }, (_, side) => side);
  const turn = Math.floor(round / count);
  const first = shuffle(sides, `turn ${turn}`)[round % count];
  return shuffle(sides, `round ${round}`).toSorted(
    (a, b) => Number(b === first) - Number(a === first),
  );
}

function shuffle(sides: number[], seed: string): number[] {
  const rank = (side: number) => Bun.hash.xxHash32(`${seed}, side ${side}`);
  return sides.toSorted((a, b) => rank(a) - rank(b));
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
