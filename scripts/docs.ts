/**
 * Writes what the documents copy from the code: the sections between `<!-- generated: name -->` and
 * `<!-- end: name -->`, and `.env.example`. The text around the sections is written by people and stays as it is.
 */
import { join } from "node:path";

import { errorTables } from "./docs/errors.ts";
import {
  clientFrames,
  closeCodes,
  ephemeralKinds,
  eventKinds,
  serverFrames,
  socketLimits,
  topicKinds,
  userEventKinds,
} from "./docs/protocol.ts";
import { envExample, settingsTable } from "./docs/settings.ts";

/** A page before and after. */
export interface Page {
  path: string;
  source: string;
  wanted: string;
}

type Sections = Record<string, () => string | Promise<string>>;

const ROOT = join(import.meta.dir, "..");
const FORMAT_LIMIT_MS = 30_000;

/** Which sections each page has. */
const PAGES: Record<string, Sections> = {
  ".github/ERRORS.md": { errors: errorTables },
  ".github/PROTOCOL.md": {
    "client frames": clientFrames,
    "server frames": serverFrames,
    "event kinds": eventKinds,
    "user event kinds": userEventKinds,
    "ephemeral kinds": ephemeralKinds,
    topics: topicKinds,
    "close codes": closeCodes,
    limits: socketLimits,
  },
  ".github/SETTINGS.md": { settings: settingsTable },
};

/** Every page as it is and as the code wants it. */
export async function listPages(): Promise<Page[]> {
  const example = { path: ".env.example", wanted: envExample() };
  const pages = await Promise.all(
    Object.entries(PAGES).map(async ([path, sections]) => {
      const source = await read(path);
      return { path, source, wanted: await format(path, await fill(path, source, sections)) };
    }),
  );
  return [...pages, { ...example, source: await read(example.path) }];
}

/** A page that is not there yet is an empty one. */
async function read(path: string): Promise<string> {
  const file = Bun.file(join(ROOT, path));
  return (await file.exists()) ? await file.text() : "";
}

/** Puts what the code says into the marked sections. @throws when the marks and the sections differ. */
export async function fill(path: string, source: string, sections: Sections): Promise<string> {
  let filled = source;
  for (const [name, make] of Object.entries(sections)) {
    const [start, end] = [`<!-- generated: ${name} -->`, `<!-- end: ${name} -->`];
    const from = filled.indexOf(start);
    const to = filled.indexOf(end);
    if (from === -1 || to < from || filled.includes(start, from + 1))
      throw new Error(`Cannot write "${path}": it needs "${start}" and "${end}" once`);
    const made = await make();
    filled = `${filled.slice(0, from)}${start}\n\n${made}\n\n${filled.slice(to)}`;
  }
  const marks = filled.match(/^<!-- generated: /gm)?.length ?? 0;
  if (marks !== Object.keys(sections).length)
    throw new Error(`Cannot write "${path}": it marks sections that nothing makes`);
  return filled;
}

/** As the formatter of the gate would leave it. */
async function format(path: string, source: string): Promise<string> {
  const formatter = Bun.spawn(
    [process.execPath, "fmt", "--no-script", `--stdin-filepath=${path}`],
    {
      cwd: ROOT,
      stdin: new Blob([source]),
      stdout: "pipe",
      stderr: "pipe",
      timeout: FORMAT_LIMIT_MS,
    },
  );
  const [text, problem, exitCode] = await Promise.all([
    formatter.stdout.text(),
    formatter.stderr.text(),
    formatter.exited,
  ]);
  if (exitCode !== 0) throw new Error(`Cannot format "${path}": ${problem}`);
  return text;
}

if (import.meta.main) {
  const pages = await listPages();
  for (const { path, source, wanted } of pages) {
    if (source !== wanted) await Bun.write(join(ROOT, path), wanted);
    console.log(`${path} ${source === wanted ? "is up to date" : "written"}`);
  }
}
