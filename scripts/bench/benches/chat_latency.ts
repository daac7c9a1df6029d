import { measureCpu } from "../busy.ts";
import { compare } from "../comparison.ts";
import type { Goal, Measure, Outcome, Sample, Side } from "../contract.ts";
import type { ChatJob, Timings } from "../load/chat.ts";
import { createMessageTable } from "../message_table.ts";
import { type Ring, RING_SIDE } from "../ring.ts";
import { alternate } from "../rounds.ts";

const ROUNDS = 3;
const PER_SECOND = 1_000;
const ROUND_MS = 4_000;
const WARM_UP_MS = 2_000;
const P50_TARGET_MS = 5;
const P99_TARGET_MS = 50;

const METRICS = [
  { name: "send → other instance p50", unit: "ms" },
  { name: "send → other instance p99", unit: "ms" },
];
const [P50, P99] = METRICS.map(({ name }) => name) as [string, string];

export const LATENCY_GOALS: Goal[] = [
  { metric: P50, peer: "target", atMost: 1 },
  { metric: P99, peer: "target", atMost: 1 },
];

/** From the moment at which a message is due until its event is at a socket of the other instance. */
export async function compareLatency(ring: Ring): Promise<Outcome> {
  const { stage, talks } = ring;
  await createMessageTable(stage.databaseUrl);
  const side = (name: string, job: (rate: Rate) => ChatJob): Side => ({
    name,
    open: async () => measureJob(ring, job),
  });
  const sides: Side[] = [
    side("frm-ai", (rate) => ({ op: "pace", side: RING_SIDE, talks, ...rate })),
    side("a bare INSERT", (rate) => ({ op: "insert", databaseUrl: stage.databaseUrl, ...rate })),
    side("a bare PUBLISH", (rate) => ({ op: "publish", redisUrl: stage.redisUrl, ...rate })),
    {
      name: "target",
      open: async () => async () => ({ [P50]: P50_TARGET_MS, [P99]: P99_TARGET_MS }),
    },
  ];
  const [ours, ...peers] = await alternate(sides, { rounds: ROUNDS, progress: stage.progress });
  if (!ours) throw new Error("Cannot compare: nothing was measured");
  return {
    rows: compare(METRICS, ours, peers),
    notes: [
      `latency: ${PER_SECOND} durable messages a second whatever comes back, from ${talks.length} people in as many conversations, timed from when each was due until the other instance has told it; beside it, at the same rate on the same servers, one row until its commit is answered, and one word of Redis until its subscriber has it.`,
    ],
  };
}

interface Rate {
  perSecond: number;
  durationMs: number;
}

function measureJob({ load, instances }: Ring, job: (rate: Rate) => ChatJob): Measure {
  const pids = { client: load.pid, servers: instances.map(({ pid }) => pid) };
  return async ({ warmUp }): Promise<Sample> => {
    await load.run({ op: "beat", side: RING_SIDE });
    const rate = { perSecond: PER_SECOND, durationMs: warmUp ? WARM_UP_MS : ROUND_MS };
    const { result, busy } = await measureCpu(pids, () => load.run<Timings>(job(rate)));
    return { [P50]: result.p50Ms, [P99]: result.p99Ms, ...busy };
  };
}
