import type { Finding } from "./source.ts";
import { lineAt } from "./source.ts";

/** What the documents tell of a setting. */
export interface DocumentedSetting {
  default?: string;
  shownDefault?: string;
  meaning: string;
}

export type DocumentedSettings = Record<string, DocumentedSetting>;

const ENV_LINE = /^(?:# ?)?([A-Z][A-Z0-9_]*)=(.*)$/gm;
const TABLE_HEAD = /^\|\s*(?:variable|setting)\s*\|.*\n\|[-:| ]+\|\n/im;
const EMPTY = "none";

/** The one row that stands for a setting. */
export function settingRow(name: string, setting: DocumentedSetting): string {
  const shown = setting.shownDefault ?? setting.default ?? "";
  return `| \`${name}\` | ${shown === "" ? EMPTY : shown} | ${setting.meaning} |`;
}

/** `.env.example` lists every setting once, in order, either empty or with its default. */
export function checkEnvExample(source: string, settings: DocumentedSettings): Finding[] {
  const path = ".env.example";
  const lines = [...source.matchAll(ENV_LINE)].map((match) => ({
    line: lineAt(source, match.index),
    name: match[1] ?? "",
    value: match[2] ?? "",
  }));
  const findings: Finding[] = [];
  for (const { line, name, value } of lines) {
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (!setting)
      findings.push({ path, line, what: `"${name}" is no setting`, instead: "its name" });
    else if (value !== "" && value !== setting.default) {
      const instead = `"${setting.default ?? ""}"`;
      findings.push({ path, line, what: `"${name}" has another default`, instead });
    }
  }
  const names = lines.map(({ name }) => name);
  for (const name of Object.keys(settings)) {
    if (names.includes(name)) continue;
    findings.push({ path, line: 1, what: `"${name}" is missing`, instead: `a line "${name}="` });
  }
  const wanted = Object.keys(settings).join(" ");
  if (findings.length === 0 && names.join(" ") !== wanted) {
    findings.push({ path, line: 1, what: "another order, or a name twice", instead: wanted });
  }
  return findings;
}

/** The table of settings in a document, if it has one, says what the code says. */
export function checkSettingsTable(
  path: string,
  source: string,
  settings: DocumentedSettings,
): Finding[] {
  const head = TABLE_HEAD.exec(source);
  if (!head) return [];
  const start = head.index + head[0].length;
  const rows = (source.slice(start).split(/\n(?!\|)/, 1)[0] ?? "").split("\n");
  const wanted = Object.entries(settings).map(([name, setting]) => settingRow(name, setting));
  const first = lineAt(source, start);
  return Array.from({ length: Math.max(rows.length, wanted.length) }, (_, index) => index)
    .filter((index) => cells(rows[index]) !== cells(wanted[index]))
    .map((index) => ({
      path,
      line: first + Math.min(index, rows.length),
      what: `the table of settings says ${rows[index] ?? "nothing"}`,
      instead: wanted[index] ?? "no further row",
    }));
}

/** Whether a document has a table of settings at all. */
export function hasSettingsTable(source: string): boolean {
  return TABLE_HEAD.test(source);
}

function cells(row = ""): string {
  return row
    .split("|")
    .map((cell) => cell.trim())
    .join("|");
}
