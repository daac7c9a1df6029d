import { join } from "node:path";

/** Where the numbers are from; the words of the table are our own. */
export const ASVS = {
  version: "5.0.0",
  source: "https://github.com/OWASP/ASVS/tree/v5.0.0/5.0/docs_en",
};

/** The requirements of level 1, by section. */
const SECTIONS: Record<string, number[]> = {
  "V1.2": [1, 2, 3, 4, 5],
  "V1.3": [1, 2],
  "V1.5": [1],
  "V2.1": [1],
  "V2.2": [1, 2],
  "V2.3": [1],
  "V3.2": [1, 2],
  "V3.3": [1],
  "V3.4": [1, 2],
  "V3.5": [1, 2, 3],
  "V4.1": [1],
  "V4.4": [1],
  "V5.2": [1, 2],
  "V5.3": [1, 2],
  "V6.1": [1],
  "V6.2": [1, 2, 3, 4, 5, 6, 7, 8],
  "V6.3": [1, 2],
  "V6.4": [1, 2],
  "V7.2": [1, 2, 3, 4],
  "V7.4": [1, 2],
  "V8.1": [1],
  "V8.2": [1, 2],
  "V8.3": [1],
  "V9.1": [1, 2, 3],
  "V9.2": [1],
  "V10.4": [1, 2, 3, 4, 5],
  "V11.3": [1, 2],
  "V11.4": [1],
  "V12.1": [1],
  "V12.2": [1, 2],
  "V13.4": [1],
  "V14.2": [1],
  "V14.3": [1],
  "V15.1": [1],
  "V15.2": [1],
  "V15.3": [1],
};
export const LEVEL_1 = Object.entries(SECTIONS).flatMap(([section, numbers]) =>
  numbers.map((number) => `${section}.${number}`),
);

/** `open` is for what applies and does not hold yet, `operator` for what only whoever runs the product can do. */
const VERDICTS = new Set(["met", "open", "operator", "not applicable"]);
const ROW = /^\| (V\d+\.\d+\.\d+) *\|([^|]*)\|([^|]*)\|(.*)\|$/gm;
const EVIDENCE = /`(test\/[\w/.-]+)` › ([^·]+)/g;
const MIN_WORDS = 5;

/** What a table says of one requirement. */
interface Row {
  id: string;
  meaning: string;
  verdict: string;
  /** Tests by their names, a reason, or both. */
  why: string;
}

function readRows(markdown: string): Row[] {
  return [...markdown.matchAll(ROW)].map(([, id = "", ...cells]) => {
    const [meaning = "", verdict = "", why = ""] = cells.map((cell) => cell.trim());
    return { id, meaning, verdict, why: why.replaceAll("\\|", "|") };
  });
}

/** What is wrong with the table; empty when each requirement has one row, and each row tests that exist or a reason. */
export async function checkAsvs(
  markdown: string,
  root: string,
  wanted: string[] = LEVEL_1,
): Promise<string[]> {
  const rows = readRows(markdown);
  const problems = rows
    .filter(({ id }) => !wanted.includes(id))
    .map(({ id }) => `${id} is no requirement of level 1`);
  for (const id of wanted) {
    const count = rows.filter((row) => row.id === id).length;
    if (count !== 1) problems.push(`${id} has ${count} rows, and needs one`);
  }
  for (const row of rows) problems.push(...(await checkRow(row, root)));
  return problems;
}

async function checkRow({ id, meaning, verdict, why }: Row, root: string): Promise<string[]> {
  const problems: string[] = [];
  if (!VERDICTS.has(verdict)) problems.push(`${id}: "${verdict}" is no verdict`);
  if (wordsOf(meaning) < 2) problems.push(`${id} does not say what it asks for`);
  const tests = [...why.matchAll(EVIDENCE)];
  for (const [, path = "", name = ""] of tests) {
    const file = Bun.file(join(root, path));
    if (!(await file.exists())) problems.push(`${id}: "${path}" does not exist`);
    else if (!namesOf(await file.text()).has(name.trim()))
      problems.push(`${id}: "${path}" has no test "${name.trim()}"`);
  }
  if (
    (verdict !== "met" || tests.length === 0) &&
    wordsOf(why.replaceAll(EVIDENCE, "")) < MIN_WORDS
  )
    problems.push(`${id} needs a reason`);
  return problems;
}

/** The names under which a file has its tests, as they are written there. */
function namesOf(source: string): Set<string> {
  const names = source.matchAll(
    /(?:\btest|\))\(\s*(?:"((?:\\.|[^"\\\n])*)"|`((?:\\.|[^`\\])*)`),\s*(?:async )?\(/g,
  );
  return new Set([...names].map(([, plain, template]) => plain ?? template ?? ""));
}

function wordsOf(text: string): number {
  return text.split(/\s+/).filter((word) => /\p{L}/u.test(word)).length;
}
