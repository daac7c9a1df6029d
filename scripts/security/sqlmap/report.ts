import type { Place } from "./places.ts";
import type { Verdict } from "./tool.ts";

/** One call of an operation, with what became of it. */
export interface Row {
  name: string;
  places: Place[];
  requests: number;
  seconds: number;
  /** Why the run fails; empty where all is well. */
  wrong: string[];
}

interface Findings {
  verdicts: Map<Place, Verdict>;
  /** Outcomes of the ordinary call that were no success, and how often they came. */
  refused: [outcome: string, count: number][];
  /** Answers that no input may bring about. */
  failures: string[];
  /** What was put there on purpose. */
  hole?: { place: Place; kind: string } | undefined;
}

/** Everything that is wrong; of a hole, that it was not found. */
export function judge({ verdicts, refused, failures, hole }: Findings): string[] {
  const wrong = refused.map(
    ([outcome, count]) => `${count} ordinary calls were answered ${outcome}`,
  );
  for (const [place, verdict] of verdicts) {
    if (hole?.place === place) continue;
    if (verdict === "unfinished") wrong.push(`${place} was not tried to the end`);
    else if (verdict.length > 0) wrong.push(`${place} is injectable: ${verdict.join(", ")}`);
  }
  const found = hole === undefined ? undefined : verdicts.get(hole.place);
  if (hole !== undefined && !(Array.isArray(found) && found.includes(hole.kind)))
    wrong.push(`the hole in ${hole.place} was not found by ${hole.kind}: ${String(found)}`);
  return [...wrong, ...failures];
}

export function formatRow({ name, places, requests, seconds, wrong }: Row): string {
  const verdict = wrong.length === 0 ? "ok    " : "FAILED";
  const line = `${verdict}  ${name}: ${places.join(", ")} (${requests} requests, ${seconds.toFixed(1)} s)`;
  return [line, ...wrong.map((what) => `        ${what}`)].join("\n");
}
