import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { busySecondsIn, measureCpu } from "../../scripts/bench/busy.ts";
import { compare, median, percentile, reaches } from "../../scripts/bench/comparison.ts";
import type { Goal, Row, Side } from "../../scripts/bench/contract.ts";
import { createBatchReader, isBatch } from "../../scripts/bench/load/batches.ts";
import { eachFrame, encodeFrame, Opcode } from "../../scripts/bench/load/websocket.ts";
import { spawn, startServer } from "../../scripts/bench/processes.ts";
import { exitCodeOf, formatReport, writeRows } from "../../scripts/bench/report.ts";
import { alternate, orderOf } from "../../scripts/bench/rounds.ts";

const SPEED = { name: "speed", unit: "1/s" };
const GOAL: Goal = { metric: "speed", peer: "b", atLeast: 4 };
const quiet = { rounds: 3, progress: () => undefined };

const dir = await mkdtemp(join(tmpdir(), "frm-bench-test-"));
afterAll(() => rm(dir, { recursive: true, force: true }));

/** A side that answers these speeds in turn, and notes in the log when it is measured. */
function side(name: string, speeds: (number | Error)[], log: string[] = []): Side {
  let next = 0;
  return {
    name,
    open: async () => {
      log.push(`open ${name}`);
      return async ({ warmUp }) => {
        log.push(`${warmUp ? "warm" : "run"} ${name}`);
        if (warmUp) return { speed: Number.NaN };
        const speed = speeds[next++] ?? Number.NaN;
        if (speed instanceof Error) throw speed;
        return { speed };
      };
    },
  };
}

async function rowsOf(ours: Side, ...peers: Side[]): Promise<Row[]> {
  const [first, ...rest] = await alternate([ours, ...peers], quiet);
  if (!first) throw new Error("Cannot compare nothing");
  return compare([SPEED], first, rest);
}

test("the median is the middle one, however the values are ordered", () => {
  expect(median([3])).toBe(3);
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("a percentile is a value that was measured", () => {
  const sorted = Array.from({ length: 100 }, (_, index) => index + 1);
  expect(percentile(sorted, 0.5)).toBe(50);
  expect(percentile(sorted, 0.99)).toBe(99);
  expect(percentile([7], 0.99)).toBe(7);
  expect(percentile([], 0.5)).toBeNaN();
});

test("every round measures each side once, and every side begins equally often", () => {
  for (const count of [1, 2, 3, 6]) {
    const orders = Array.from({ length: 10 * count }, (_, round) => orderOf(round, count));
    const all = Array.from({ length: count }, (_, side) => side);
    for (const order of orders) expect(order.toSorted((a, b) => a - b)).toEqual(all);
    for (let turn = 0; turn < 10; turn += 1) {
      const firsts = orders.slice(turn * count, (turn + 1) * count).map(([first]) => first ?? -1);
      expect(firsts.toSorted((a, b) => a - b)).toEqual(all);
    }
    expect(orders).toEqual(orders.map((_, round) => orderOf(round, count)));
  }
});

test("no side always runs behind the same one, neither in a few rounds nor in many", () => {
  const followers = (rounds: number, count: number) => {
    const times = new Map<string, number>();
    for (let round = 0; round < rounds; round += 1) {
      const order = orderOf(round, count);
      for (const [at, side] of order.slice(1).entries()) {
        const pair = `${order[at]} before ${side}`;
        times.set(pair, (times.get(pair) ?? 0) + 1);
      }
    }
    return [...times.values()];
  };
  expect(Math.max(...followers(5, 6))).toBeLessThan(4);
  const many = followers(400, 4);
  expect(many).toHaveLength(12);
  for (const times of many) expect(times).toBeWithin(70, 131);
});

test("all sides are opened, warmed up, then measured in turn", async () => {
  const log: string[] = [];
  await alternate([side("a", [1, 1], log), side("b", [1, 1], log)], { ...quiet, rounds: 2 });
  expect(log.slice(0, 4)).toEqual(["open a", "open b", "warm a", "warm b"]);
  const rounds = [log.slice(4, 6), log.slice(6)];
  for (const round of rounds) expect(round.toSorted()).toEqual(["run a", "run b"]);
  expect(rounds.map(([first]) => first ?? "").toSorted()).toEqual(["run a", "run b"]);
});

test("the ratio is the median of the ratios within the rounds, not the ratio of the medians", async () => {
  const [row] = await rowsOf(side("a", [10, 40, 90]), side("b", [10, 10, 45]));
  expect(row).toEqual({
    metric: "speed",
    unit: "1/s",
    ours: 40,
    peer: "b",
    theirs: 10,
    ratio: 2,
    runs: 3,
    spread: [1, 4],
  });
});

test("a peer that fails in any round is named and not counted, and the others still are", async () => {
  const failing = side("b", [1, new Error("Cannot go on"), 1]);
  const [bad, good] = await rowsOf(side("a", [4, 4, 4]), failing, side("c", [2, 2, 2]));
  expect(bad).toMatchObject({ theirs: null, ratio: null, runs: 0, problem: "b: Cannot go on" });
  expect(good).toMatchObject({ peer: "c", ratio: 2, runs: 3 });
  expect(good).not.toHaveProperty("problem");
});

test("a peer that cannot be started is named, and is never a success", async () => {
  const missing: Side = { name: "b", open: () => Promise.reject(new Error("it is missing")) };
  const rows = await rowsOf(side("a", [1, 1, 1]), missing);
  expect(rows[0]).toMatchObject({ ratio: null, runs: 0, problem: "b: it is missing" });
  expect(reaches(rows[0] as Row, [GOAL])).toBe(false);
  expect(exitCodeOf(rows, [], { check: false })).toBe(1);
  expect(formatReport({ title: "t", goals: [] }, { rows, notes: [] })).toContain(
    "FAILED: b: it is missing",
  );
});

test("when our own side fails, no peer gets a ratio", async () => {
  const ours = side("a", [new Error("Cannot serve")]);
  const rows = await rowsOf(ours, side("b", [1, 1, 1]), side("c", [1, 1, 1]));
  expect(rows.map(({ ours: value, ratio, problem }) => [value, ratio, problem])).toEqual([
    [null, null, "a: Cannot serve"],
    [null, null, "a: Cannot serve"],
  ]);
});

test.each([
  { speeds: [4, 4, 4], reached: true, code: 0, checked: 0 },
  { speeds: [3, 3, 5], reached: false, code: 0, checked: 1 },
])("a missed goal fails the run only when goals are checked: $speeds", async (given) => {
  const rows = await rowsOf(side("a", [...given.speeds]), side("b", [1, 1, 1]));
  expect(reaches(rows[0] as Row, [GOAL])).toBe(given.reached);
  expect(reaches(rows[0] as Row, [])).toBeUndefined();
  expect(exitCodeOf(rows, [GOAL], { check: false })).toBe(given.code);
  expect(exitCodeOf(rows, [GOAL], { check: true })).toBe(given.checked);
});

test("a goal may also be a bound from above", async () => {
  const rows = await rowsOf(side("a", [3, 3, 3]), side("b", [2, 2, 2]));
  const goal = (atMost: number): Goal => ({ metric: "speed", peer: "b", atMost });
  expect(reaches(rows[0] as Row, [goal(1.5)])).toBe(true);
  expect(reaches(rows[0] as Row, [goal(1.4)])).toBe(false);
});

test("a machine is busy with all that is not waiting, the network's interrupts included", () => {
  // user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice
  const stat = "cpu  100 20 30 4000 5000 6 7 8 90 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
  expect(busySecondsIn(stat)).toBe(1.71);
});

test("what else was busy is the honest remainder, even where the counts do not add up", async () => {
  // Elsewhere nothing tells what a process has used.
  if (process.platform !== "linux") return;
  const servers = Array.from({ length: 200 }, () => process.pid);
  const { busy } = await measureCpu({ client: process.pid, servers }, async () => {
    const until = performance.now() + 300;
    while (performance.now() < until);
  });
  expect(busy.client).toBeGreaterThan(0);
  expect(busy.rest).toBeLessThan(0);
});

test("nothing measured is a failure", () => {
  expect(exitCodeOf([], [], { check: false })).toBe(1);
});

test("the table has a column for each number, the goal, and the notes below", async () => {
  const rows = await rowsOf(side("a", [1000, 1200, 1100]), side("b", [500, 500, 500]));
  const bench = { title: "Speed of things", goals: [GOAL] };
  expect(formatReport(bench, { rows, notes: ["on one core"] }).split("\n")).toEqual([
    "Speed of things",
    "metric  unit  ours  peer  theirs  ratio     spread  runs  goal",
    "speed   1/s   1100  b        500  2.20×  2.00–2.40     3  ✗ ≥ 4×",
    "· on one core",
  ]);
});

test("the rows are written as JSON where the next reader looks for them", async () => {
  const rows = await rowsOf(side("a", [2, 2, 2]), side("b", [1, 1, 1]));
  const path = await writeRows(dir, "speed", rows);
  expect(path).toBe(join(dir, "bench", "speed.json"));
  const [row] = (await Bun.file(path).json()) as [Row];
  expect(Object.keys(row)).toEqual([
    "metric",
    "unit",
    "ours",
    "peer",
    "theirs",
    "ratio",
    "runs",
    "spread",
  ]);
});

test.each([0, 10, 125, 126, 5_000])("a frame of %i bytes is read as it was written", (length) => {
  const text = "x".repeat(length);
  const masked = encodeFrame(Opcode.text, text);
  expect(masked[1]! & 0x80).toBe(0x80);
  // A server sends the same frame without the mask.
  const head = length < 126 ? 2 : 4;
  const plain = Buffer.concat([masked.subarray(0, head), masked.subarray(head + 4)]);
  plain[1]! &= 0x7f;
  const found: string[] = [];
  const take = ({ opcode, start, end }: { opcode: number; start: number; end: number }) =>
    found.push(`${opcode} ${plain.toString("latin1", start, end)}`);
  expect(eachFrame(plain.subarray(0, plain.length - 1), take)).toBe(0);
  expect(found).toEqual([]);
  expect(eachFrame(plain, take)).toBe(plain.length);
  expect(found).toEqual([`1 ${text}`]);
});

test("a process that ends before it serves is reported with what it said", async () => {
  const argv = [process.execPath, "-e", "console.error('no port'); process.exit(3)"];
  expect(await failureOf(startServer({ name: "the peer", argv }))).toContain(
    "the peer: it has ended\nno port",
  );
});

test("a process is ended with its owner's block, and answers line by line until then", async () => {
  const echo = "for await (const line of console) console.log('got ' + line)";
  const child = spawn({ name: "echo", argv: [process.execPath, "-e", echo] });
  {
    await using owned = child;
    owned.write("one");
    expect(await owned.nextLine(10_000)).toBe("got one");
  }
  expect(() => process.kill(child.pid, 0)).toThrow();
  expect(await failureOf(child.nextLine(10_000))).toContain("it has ended");
});

test.each([
  { args: [], exitCode: 0 },
  { args: ["fanuot"], exitCode: 1 },
  { args: ["me", "fanuot"], exitCode: 1 },
])("the benches are listed, and nothing runs, for $args", async ({ args, exitCode }) => {
  const argv = [process.execPath, join(import.meta.dir, "../../scripts/bench.ts"), ...args];
  const child = Bun.spawn(argv, { env: { DATA_DIR: dir }, stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(output).toMatch(/^(?:\w+ +\S.*\n)+$/);
  for (const name of ["me", "fanout"]) expect(output).toMatch(new RegExp(`^${name} +\\S`, "m"));
  expect(errors).toBe("");
  expect(await child.exited).toBe(exitCode);
});

async function failureOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => "it did not fail",
    (error: unknown) => String(error),
  );
}

test("every event of an array is found, wherever the array stands and however often it comes", () => {
  const read = createBatchReader();
  const event = (body: string) => JSON.stringify({ t: "ev", d: { body } });
  const batch = `[${event("one")},${event('{"t":"ev"')},${event("three")}]`;
  const bytes = Buffer.from(`before${batch}after`);
  const place = { opcode: Opcode.text, start: 6, end: 6 + batch.length };
  const starts = [1, 1, 1].map((_, at) =>
    batch.indexOf(event(["one", '{"t":"ev"', "three"][at] ?? "")),
  );
  expect(isBatch(bytes, place)).toBe(true);
  expect(read(bytes, place)).toEqual(starts);
  expect(read(bytes, place)).toEqual(starts);
  const shorter = Buffer.from(`[${event("two")}]`);
  expect(read(shorter, { ...place, start: 0, end: shorter.length })).toEqual([1]);
});
