import { expect, test } from "bun:test";

import { runModel } from "../../support/consistency.ts";
import { firstBodyOf, markOf } from "../../support/consistency_events.ts";
import { INNOCENT, judgeChannel, judgeEdits, sightsOf } from "../../support/consistency_judge.ts";
import {
  compareLogs,
  compareSends,
  type EventLog,
  isWhole,
  type Promised,
} from "../../support/consistency_log.ts";
import { compareReport, type ModelReport } from "../../support/consistency_report.ts";
import { differenceOf, type Sight } from "../../support/consistency_sight.ts";
import type { Move } from "../../support/consistency_truth.ts";
import { openWitness } from "../../support/consistency_witness.ts";

const EVENTS = 10_000;
const FAULTS = 9;
/** Under load everything takes longer; none of it may take for ever. */
const LIMIT_MS = 280_000;

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

const CHANNEL = "c:1";

function event(seq: number, k: string, d: object): object {
  return { t: "ev", ch: CHANNEL, seq, k, d };
}

function said(seq: number, more: object = {}): object {
  const own = { id: `m${seq}`, clientId: `c${seq}`, senderId: "lan", body: firstBodyOf(`c${seq}`) };
  return event(seq, "msg.new", { ...own, seq, ...more });
}

/** What a witness has against a socket that says these texts. */
function heard(...texts: unknown[]) {
  const witness = openWitness();
  const hear = witness.listen();
  for (const text of texts) hear(JSON.stringify(text));
  return { faults: witness.faults.length, testimony: witness.of(CHANNEL) };
}

test("a socket that repeats, swaps or skips an event is found out, wherever it begins", () => {
  expect(heard(said(7), [said(8), said(9)])).toMatchObject({ faults: 0 });
  expect(heard(said(7), said(8), said(8), said(9)).faults).toBe(1);
  expect(heard(said(7), said(9)).testimony.liveGaps).toEqual([{ from: 8, to: 8 }]);
  expect(heard(said(7), said(9), said(8)).faults).toBe(1);
  const page = { t: "sync.ok", ev: [said(7), said(9)] };
  expect(heard(page).testimony.pageGaps).toEqual([{ from: 8, to: 8 }]);
  expect(heard({ t: "sync.ok", ev: [said(8), said(7)] }).faults).toBe(1);
  expect(heard({ t: "sync.ok", to: 9, reset: true }).faults).toBe(1);
});

test("an event that is told twice and differently, or with what was never said, is found out", () => {
  const edit = (rev: number, body: string) =>
    event(9, "msg.edit", { messageId: "m7", messageSeq: 7, actorId: "lan", rev, body });
  const react = (count: number) =>
    event(9, "react", { messageSeq: 7, emoji: "👍", on: true, count });
  const again = (one: object, other: object) => heard({ t: "sync.ok", ev: [one] }, other).faults;
  expect(again(react(2), react(2))).toBe(0);
  expect(again(react(2), react(3))).toBe(1);
  expect(again(said(7), said(7, { id: "m8" }))).toBe(1);
  // What a message says is told as it is now.
  expect(again(edit(1, "7 changed 1 times"), edit(2, "7 changed 2 times"))).toBe(0);
  expect(heard(edit(2, "7 changed 1 times")).faults).toBe(1);
  expect(heard(said(7, { body: "another" })).faults).toBe(1);
  expect(heard(said(7, { deletedAt: "now" })).faults).toBe(1);
  expect(heard(said(7, { deletedAt: "now", body: "" })).faults).toBe(0);
  const tellings = heard({ t: "sync.ok", ev: [edit(1, "")] }, edit(1, "7 changed 1 times"));
  expect(tellings.testimony.edits).toEqual([
    { seq: 9, about: 7, isBlank: true },
    { seq: 9, about: 7, isBlank: false },
  ]);
});

test("who was taken out is told nothing from behind that, and who comes in nothing from before", () => {
  const moves: Move[] = [
    { seq: 3, userId: "lan", op: "remove" },
    { seq: 6, userId: "lan", op: "add" },
  ];
  const stored: EventLog = { seqs: [1, 2, 3, 4, 5, 6, 7], marks: [] };
  stored.marks = stored.seqs.map((seq) => markOf("pin", { seq }));
  const judged = (seqs: number[], userId: string, history: "all" | "joined" = "joined") => {
    const marks = seqs.map((seq) => stored.marks[seq - 1] ?? 0);
    const told = new Map(seqs.map((seq, at) => [seq, marks[at] ?? 0]));
    const testimony = { told, live: new Set(seqs), liveGaps: [], pageGaps: [], edits: [] };
    const delivered = { log: { seqs, marks }, testimony, resets: [], behind: 0 };
    return judgeChannel(delivered, stored, sightsOf(userId, moves, history));
  };
  expect(judged([1, 2, 3, 6, 7], "lan")).toEqual(INNOCENT);
  // Being read anew when they come back, they need not be told of their coming.
  expect(judged([1, 2, 7], "lan")).toEqual(INNOCENT);
  expect(judged([1, 3, 6, 7], "lan")).toEqual({ ...INNOCENT, lost: 1 });
  expect(judged([1, 2, 3, 4, 6, 7], "lan")).toEqual({ ...INNOCENT, foreign: 1, unseemly: 1 });
  // They may read it later, but were not there to hear it.
  expect(judged([1, 2, 3, 4, 6, 7], "lan", "all")).toEqual({ ...INNOCENT, unseemly: 1 });
  expect(judged([1, 2, 3, 6, 7], "minh")).toEqual({ ...INNOCENT, lost: 2 });
});

test("a change says nothing to who came in behind the message, and to nobody else unless it was deleted", () => {
  const moves: Move[] = [
    { seq: 3, userId: "lan", op: "remove" },
    { seq: 6, userId: "lan", op: "add" },
  ];
  const wrong = (
    edit: [seq: number, about: number, isBlank: boolean],
    sight: { userId: string; history?: "all" | "joined"; living?: number[] },
  ) => {
    const { userId, history = "joined", living = [1, 2, 7] } = sight;
    const [seq, about, isBlank] = edit;
    const edits = [{ seq, about, isBlank }];
    return judgeEdits(edits, sightsOf(userId, moves, history), new Set(living)).length;
  };
  // Before they went they could see it.
  expect(wrong([3, 2, false], { userId: "lan" })).toBe(0);
  expect(wrong([3, 2, true], { userId: "lan" })).toBe(1);
  expect(wrong([8, 2, true], { userId: "lan" })).toBe(0);
  expect(wrong([8, 2, false], { userId: "lan" })).toBe(1);
  expect(wrong([8, 7, true], { userId: "lan" })).toBe(1);
  expect(wrong([8, 7, false], { userId: "lan" })).toBe(0);
  expect(wrong([8, 7, true], { userId: "lan", living: [1, 2] })).toBe(0);
  expect(wrong([8, 2, true], { userId: "lan", history: "all" })).toBe(1);
  expect(wrong([8, 2, false], { userId: "lan", history: "all" })).toBe(0);
  expect(wrong([8, 2, true], { userId: "minh" })).toBe(1);
});

test("whatever a client sees and others do not is found out", () => {
  const message = { seq: 2, id: "m2", clientId: "c2", senderId: "lan", body: "two", rev: 1 };
  const sight: Sight = {
    info: { lastSeq: 9, unread: 1 },
    messages: [
      { ...message, seq: 1, id: "m1", isDeleted: true, reactions: [] },
      { ...message, isDeleted: false, reactions: ["👍 2 true"] },
    ],
    members: ["lan owner", "minh member"],
    pins: [2],
  };
  expect(differenceOf(sight, structuredClone(sight))).toBeUndefined();
  expect(differenceOf(undefined, undefined)).toBeUndefined();
  const [first, second] = sight.messages as [Sight["messages"][0], Sight["messages"][0]];
  const others: (Sight | undefined)[] = [
    undefined,
    { ...sight, info: { lastSeq: 9, unread: 2 } },
    { ...sight, members: ["lan owner", "minh moderator"] },
    { ...sight, pins: [] },
    { ...sight, messages: [second, first] },
    { ...sight, messages: [first, { ...second, body: "one" }] },
    { ...sight, messages: [first, { ...second, reactions: ["👍 1 true"] }] },
    { ...sight, messages: [{ ...first, isDeleted: false }, second] },
  ];
  for (const other of others) expect(differenceOf(sight, other)).toBeDefined();
  // Of what only one of them has read, nothing can be said.
  expect(differenceOf(sight, { ...sight, messages: [second], pins: undefined })).toBeUndefined();
});

test("each kind of fault is one too many", () => {
  const verdict = { ...INNOCENT };
  const sends = { broken: 0, repeated: 0, unknown: 0 };
  const counts = { events: 1, rounds: 1, compared: 1, sights: 1, connects: 1, syncs: 0, talkMs: 1 };
  const lists = { broken: [], differences: [], faults: [], refusals: [], errors: [] };
  const clean: ModelReport = { ...counts, ...lists, done: {}, verdict, sends };
  expect(compareReport(clean)).toEqual([]);
  for (const kind of Object.keys(verdict))
    expect(compareReport({ ...clean, verdict: { ...verdict, [kind]: 1 } })).toEqual([`1 ${kind}`]);
  for (const kind of Object.keys(sends))
    expect(compareReport({ ...clean, sends: { ...sends, [kind]: 2 } })).toEqual([`2 ${kind}`]);
  expect(compareReport({ ...clean, errors: ["bug"] })).toEqual(["1 logged as errors", "bug"]);
  expect(compareReport({ ...clean, refusals: ["no"] })).toEqual(["1 refused", "no"]);
  expect(compareReport({ ...clean, faults: ["old"] })).toEqual(["1 told wrongly", "old"]);
  const differences = ["one is two"];
  expect(compareReport({ ...clean, differences })).toEqual([
    "1 differences between what is seen",
    "one is two",
  ]);
});

test(
  "while instances, Redis and what is between them fail, nobody misses, repeats, swaps or misreads one of 10,000 events",
  async () => {
    const seed = Number(process.env["TEST_CHAOS_SEED"] ?? "20261123");
    const lines = [`seed ${seed}`];
    const report = await runModel({
      seed,
      events: EVENTS,
      // Twice, so that what comes behind a look at everybody is looked at too.
      eventsPerRound: EVENTS / 2,
      faults: FAULTS,
      budgetMs: LIMIT_MS,
      print: (line) => lines.push(line),
    });
    const found = compareReport(report);
    if (found.length > 0) console.error(lines.join("\n"));
    expect(found).toEqual([]);
    expect(report.events).toBeGreaterThanOrEqual(EVENTS);
    expect(report.rounds).toBe(2);
    expect(report.compared).toBeGreaterThan(EVENTS);
    expect(report.sights).toBeGreaterThan(0);
    for (const count of Object.values(report.done)) expect(count).toBeGreaterThan(0);
    expect(new Set(report.broken).size).toBe(FAULTS);
  },
  LIMIT_MS + 60_000,
);
