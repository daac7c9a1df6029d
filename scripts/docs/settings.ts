import { SETTINGS } from "../../src/platform/config.ts";
import { code, table } from "./tables.ts";

/** What the documents tell of a setting. */
export interface DocumentedSetting {
  default?: string;
  shownDefault?: string;
  meaning: string;
}

const EMPTY = "none";
const ENV_HEAD =
  "# Copy this to .env and take the hash away where you want another value. Nothing is needed for development.";

/** The table of settings, in the order in which the code declares them. */
export function settingsTable(settings: Record<string, DocumentedSetting> = SETTINGS): string {
  const rows = Object.entries(settings).map(([name, setting]) => {
    const shown = setting.shownDefault ?? setting.default ?? "";
    return [code(name), shown === "" ? EMPTY : shown, setting.meaning];
  });
  return table(["variable", "default", "meaning"], rows);
}

/** `.env.example`: every setting, switched off, so that a copy changes nothing until somebody edits it. */
export function envExample(settings: Record<string, DocumentedSetting> = SETTINGS): string {
  const blocks = Object.entries(settings).map(([name, setting]) => {
    const { shownDefault, meaning, default: value = "" } = setting;
    const sentence = `${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}.`;
    const shown = shownDefault === undefined ? "" : ` Default: ${shownDefault}.`;
    return `# ${sentence}${shown}\n# ${name}=${shownDefault === undefined ? value : ""}\n`;
  });
  return [`${ENV_HEAD}\n`, ...blocks].join("\n");
}
