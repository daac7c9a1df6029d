import type { Fault } from "./consistency_faults.ts";
import type { Verdict } from "./consistency_judge.ts";
import type { SendFaults } from "./consistency_log.ts";

export interface ModelReport {
  /** Events that happened in all conversations. */
  events: number;
  /** How often everybody was looked at. */
  rounds: number;
  /** How often each action was answered as done. */
  done: Record<string, number>;
  /** What was broken meanwhile. */
  broken: Fault[];
  /** Events that clients were told. */
  compared: number;
  /** Conversations of clients that were compared with a fresh reading and the rows. */
  sights: number;
  connects: number;
  syncs: number;
  verdict: Verdict;
  sends: SendFaults;
  /** Where a client, HTTP and the rows do not say the same. */
  differences: string[];
  /** What was wrong the moment it was told. */
  faults: string[];
  refusals: string[];
  /** Lines of the instances' logs. */
  errors: string[];
  talkMs: number;
}

/** Of each kind so many are shown; all of them are counted. */
const SHOWN = 5;

/** What must not be, in words; nothing where all is well. */
export function compareReport(report: ModelReport): string[] {
  const { verdict, sends, differences, faults, refusals, errors } = report;
  const counts = {
    ...verdict,
    ...sends,
    "differences between what is seen": differences.length,
    "told wrongly": faults.length,
    refused: refusals.length,
    "logged as errors": errors.length,
  };
  const found = Object.entries(counts).filter(([, count]) => count > 0);
  const shown = [differences, faults, refusals, errors].flatMap((each) => each.slice(0, SHOWN));
  return [...found.map(([what, count]) => `${count} ${what}`), ...shown];
}
