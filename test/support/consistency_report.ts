import type { Fault } from "./consistency_faults.ts";
import type { LogFaults, SendFaults } from "./consistency_log.ts";

export interface ModelReport {
  /** Messages that were sent, and so acknowledged in the end. */
  sent: number;
  /** Events that are no messages and were answered as done. */
  changed: number;
  /** What was broken meanwhile. */
  broken: Fault[];
  /** Events in the logs of all clients. */
  compared: number;
  connects: number;
  syncs: number;
  resends: number;
  logs: LogFaults;
  sends: SendFaults;
  /** What sockets got unasked and out of order. */
  liveFaults: number;
  refusals: string[];
  /** Lines of the instances' logs. */
  errors: string[];
  sendMs: number;
}

/** Refusals and errors are shown up to this many; all of them are counted. */
const SHOWN = 5;

/** What must not be, in words; nothing where all is well. */
export function compareReport(report: ModelReport): string[] {
  const { logs, sends, liveFaults, refusals, errors } = report;
  const counts = {
    ...logs,
    ...sends,
    "out of order unasked": liveFaults,
    refused: refusals.length,
    "logged as errors": errors.length,
  };
  const found = Object.entries(counts).filter(([, count]) => count > 0);
  const shown = [...refusals.slice(0, SHOWN), ...errors.slice(0, SHOWN)];
  return [...found.map(([what, count]) => `${count} ${what}`), ...shown];
}
