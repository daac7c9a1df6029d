import { expect, test } from "bun:test";

import { runModel } from "../../support/consistency.ts";
import {
  compareLogs,
  compareSends,
  createLiveCheck,
  type EventLog,
  isWhole,
  type Promised,
} from "../../support/consistency_log.ts";
import { compareReport } from "../../support/consistency_report.ts";

const EVENTS = 10_000;
const FAULTS = 9;
const CLEAN = {
  broken: [],
  changed: 0,
  connects: 1,
  syncs: 0,
  resends: 0,
  sent: 1,
  sendMs: 1,
  compared: 1,
};
/** Under load everything takes longer; none of it may take for ever. */
const LIMIT_MS = 170_000;

const WHOLE: EventLog = { seqs: [1, 2, 3, 4], marks: [11, 12, 13, 14] };

function logOf(...events: [seq: number, mark: number][]): EventLog {
  return { seqs: events.map(([seq]) => seq), marks: events.map(([, mark]) => mark) };
}

test("a log that lacks, repeats, swaps or makes up an event is found out", () => {
  expect(isWhole(compareLogs(WHOLE, WHOLE))).toBe(true);
  const cases: [EventLog, Partial<ReturnType<typeof compareLogs>>][] = [
    [logOf([1, 11], [2, 12], [4, 14]), { lost: 1 }],
    [logOf([1, 11], [2, 12], [3, 13]), { lost: 1 }],
    [logOf([1, 11], [2, 12], [2, 12], [3, 13], [4, 14]), { doubled: 1 }],
    [logOf([1, 11], [3, 13], [2, 12], [4, 14]), { swapped: 1 }],
    [logOf([1, 11], [2, 99], [3, 13], [4, 14]), { foreign: 1 }],
    [logOf([1, 11], [2, 12], [3, 13], [4, 14], [5, 15]), { foreign: 1 }],
  ];
  for (const [log, faults] of cases) {
    const none = { lost: 0, doubled: 0, swapped: 0, foreign: 0 };
    expect(compareLogs(log, WHOLE)).toEqual({ ...none, ...faults });
  }
});

test("a message that was promised and is not stored, or stored twice or by nobody, is found out", () => {
  const promised: Promised[] = [
    { clientId: "a", messageId: "1", seq: 1 },
    { clientId: "b", messageId: "2", seq: 2 },
  ];
  const [first, second] = promised as [Promised, Promised];
  const none = { broken: 0, repeated: 0, unknown: 0 };
  expect(compareSends(promised, promised)).toEqual(none);
  expect(compareSends(promised, [first])).toEqual({ ...none, broken: 1 });
  expect(compareSends(promised, [first, { ...second, seq: 3 }])).toEqual({ ...none, broken: 1 });
  expect(compareSends(promised, [first, second, { ...second, messageId: "3", seq: 3 }])).toEqual({
    ...none,
    repeated: 1,
  });
  expect(compareSends([first], promised)).toEqual({ ...none, unknown: 1 });
});

test("a socket that repeats, swaps or skips an event is found out, wherever it begins", () => {
  const faultsOf = (...seqs: number[]) => {
    const check = createLiveCheck();
    for (const seq of seqs) check.take(seq);
    return check.faults;
  };
  expect(faultsOf(7, 8, 9)).toBe(0);
  expect(faultsOf(7, 8, 8, 9)).toBe(1);
  expect(faultsOf(7, 9)).toBe(1);
  expect(faultsOf(7, 9, 8)).toBe(2);
});

test("each kind of fault is one too many", () => {
  const logs = { lost: 0, doubled: 0, swapped: 0, foreign: 0 };
  const sends = { broken: 0, repeated: 0, unknown: 0 };
  const clean = { ...CLEAN, logs, sends, liveFaults: 0, refusals: [], errors: [] };
  expect(compareReport(clean)).toEqual([]);
  for (const kind of ["lost", "doubled", "swapped", "foreign"])
    expect(compareReport({ ...clean, logs: { ...logs, [kind]: 1 } })).toEqual([`1 ${kind}`]);
  for (const kind of ["broken", "repeated", "unknown"])
    expect(compareReport({ ...clean, sends: { ...sends, [kind]: 2 } })).toEqual([`2 ${kind}`]);
  expect(compareReport({ ...clean, liveFaults: 3 })).toEqual(["3 out of order unasked"]);
  expect(compareReport({ ...clean, errors: ["bug"] })).toEqual(["1 logged as errors", "bug"]);
  expect(compareReport({ ...clean, refusals: ["no"] })).toEqual(["1 refused", "no"]);
});

test(
  "while instances, Redis and what is between them fail, nobody misses, repeats or swaps one of 10,000 events",
  async () => {
    const seed = Number(process.env["TEST_CHAOS_SEED"] ?? "20261123");
    const lines = [`seed ${seed}`];
    const report = await runModel({
      seed,
      events: EVENTS,
      faults: FAULTS,
      budgetMs: LIMIT_MS,
      print: (line) => lines.push(line),
    });
    const found = compareReport(report);
    if (found.length > 0) console.error(lines.join("\n"));
    expect(found).toEqual([]);
    expect(report.sent).toBe(EVENTS);
    expect(report.compared).toBeGreaterThan(EVENTS);
    expect(report.changed).toBeGreaterThan(0);
    expect(new Set(report.broken).size).toBe(FAULTS);
  },
  LIMIT_MS + 60_000,
);
