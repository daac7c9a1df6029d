import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { reaches } from "./comparison.ts";
import type { Bench, Goal, Outcome, Row } from "./contract.ts";

const HEAD = ["metric", "unit", "ours", "peer", "theirs", "ratio", "spread", "runs", "goal"];
const NUMERIC = new Set(["ours", "theirs", "ratio", "spread", "runs"]);

/** The rows as a table for people, then the notes, one a line. */
export function formatReport(bench: Pick<Bench, "title" | "goals">, outcome: Outcome): string {
  const { rows, notes } = outcome;
  const lines = [HEAD, ...rows.map((row) => cellsOf(row, bench.goals))];
  const widths = HEAD.map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  const table = lines.map((cells) =>
    cells
      .map((cell, column) => pad(cell, widths[column] ?? 0, NUMERIC.has(HEAD[column] ?? "")))
      .join("  ")
      .trimEnd(),
  );
  const problems = [...new Set(rows.flatMap(({ problem }) => problem ?? []))];
  const remarks = [...notes, ...problems.map((problem) => `FAILED: ${problem}`)];
  return [bench.title, ...table, ...remarks.map((remark) => `· ${remark}`)].join("\n");
}

function cellsOf(row: Row, goals: Goal[]): string[] {
  const { metric, unit, ours, peer, theirs, ratio, spread, runs } = row;
  return [
    metric,
    unit,
    formatNumber(ours),
    peer,
    formatNumber(theirs),
    ratio === null ? "failed" : `${formatNumber(ratio)}×`,
    spread ? spread.map(formatNumber).join("–") : "",
    String(runs),
    goalCell(row, goals),
  ];
}

function goalCell(row: Row, goals: Goal[]): string {
  const reached = reaches(row, goals);
  const goal = goals.find(({ metric, peer }) => metric === row.metric && peer === row.peer);
  if (reached === undefined || !goal) return "";
  const bounds = [
    ...(goal.atLeast === undefined ? [] : [`≥ ${goal.atLeast}×`]),
    ...(goal.atMost === undefined ? [] : [`≤ ${goal.atMost}×`]),
  ];
  return `${reached ? "✓" : "✗"} ${bounds.join(" ")}`;
}

function formatNumber(value: number | null): string {
  if (value === null) return "–";
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return value.toPrecision(3);
}

function pad(cell: string, width: number, right: boolean): string {
  return right ? cell.padStart(width) : cell.padEnd(width);
}

/** Writes the rows to `DATA_DIR/bench/NAME.json` and answers the file's path. */
export async function writeRows(dataDir: string, name: string, rows: Row[]): Promise<string> {
  const folder = join(dataDir, "bench");
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}.json`);
  await Bun.write(path, `${JSON.stringify(rows, undefined, 2)}\n`);
  return path;
}

/** 1 when a side has failed or is missing; a missed goal counts only where the caller checks goals. */
export function exitCodeOf(rows: Row[], goals: Goal[], options: { check: boolean }): number {
  const failed = rows.length === 0 || rows.some(({ problem }) => problem !== undefined);
  const missed = rows.some((row) => reaches(row, goals) === false);
  return failed || (options.check && missed) ? 1 : 0;
}
