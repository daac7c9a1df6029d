import type { Bench, Outcome, Row } from "../contract.ts";
import { openRing } from "../ring.ts";
import { openStage, type Stage } from "../stage.ts";
import { APPEND_GOALS, compareAppends } from "./chat_appends.ts";
import { compareLatency, LATENCY_GOALS } from "./chat_latency.ts";
import { compareSockets, SOCKET_GOALS } from "./chat_sockets.ts";
import { fanout } from "./fanout.ts";

const RING_SIZE = 64;

export const chat: Bench = {
  name: "chat",
  title: "Chat: fan-out over two instances, durable sends, and many sockets",
  goals: [...fanout.goals, ...LATENCY_GOALS, ...APPEND_GOALS, ...SOCKET_GOALS],
  run,
};

/** Parts by their names, which are shown where one has failed as a whole. */
const PARTS: Record<string, (stage: Stage) => Promise<Outcome>> = {
  "durable sends": durableSends,
  sockets: compareSockets,
  "fan-out": fanout.run,
};

/** Each part has servers and instances of its own, so that none measures what another has left behind. */
async function run({ progress }: Stage): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  for (const [name, part] of Object.entries(PARTS)) {
    await using stage = await openStage(progress);
    outcomes.push(
      await part(stage).catch((error: unknown) => ({
        rows: [failedRow(name, error instanceof Error ? error.message : String(error))],
        notes: [],
      })),
    );
  }
  return {
    rows: outcomes.flatMap(({ rows }) => rows),
    notes: outcomes.flatMap(({ notes }) => notes),
  };
}

/** What others have measured is shown even so. */
function failedRow(metric: string, problem: string): Row {
  const nothing = { ours: null, theirs: null, ratio: null, runs: 0, spread: null };
  return { metric, unit: "", peer: "", ...nothing, problem };
}

async function durableSends(stage: Stage): Promise<Outcome> {
  const ring = await openRing(stage, RING_SIZE);
  const latency = await compareLatency(ring);
  const appends = await compareAppends(ring);
  return {
    rows: [...latency.rows, ...appends.rows],
    notes: [...latency.notes, ...appends.notes],
  };
}
