import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Door, fieldOf } from "./door.ts";
import type { Place } from "./places.ts";

const APT = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"];
const INSTALL_LIMIT_MS = 300_000;
/** A pause this long stands out even on a busy machine, and costs time only where there is a hole. */
const SLEEP_S = 3;
const REQUEST_LIMIT_S = 20;
/**
 * Answers that differ with a condition, errors that carry data, statements that are added, and pauses: whatever can be
 * read by a union or inside a query can be read by one of these too, with fewer requests.
 */
const TECHNIQUES = "BEST";
/** The second level tries the boundaries of nested conditions too; nothing riskier, since heavy queries only cost time. */
const OPTIONS = [
  "--batch",
  "--disable-coloring",
  "--flush-session",
  "--skip-waf",
  "--ignore-proxy",
  "--dbms=PostgreSQL",
  `--technique=${TECHNIQUES}`,
  "--level=2",
  "--risk=1",
  `--time-sec=${SLEEP_S}`,
  `--timeout=${REQUEST_LIMIT_S}`,
  "--retries=0",
  "--answers=keep testing=Y,extending provided=N",
];

/** What was found out about one place: the kinds of injection that work there, none, or nothing yet. */
export type Verdict = string[] | "unfinished";

/** @returns what to start. @throws with the command to type where it cannot be installed. */
export async function findSqlmap(say: (line: string) => void): Promise<string> {
  if (Bun.which("sqlmap") === null && process.getuid?.() === 0) {
    say("installing sqlmap");
    const install = [...APT, "install", "--no-install-recommends", "sqlmap"];
    if (!(await succeeds(install)) && (await succeeds([...APT, "update"]))) await succeeds(install);
  }
  const found = Bun.which("sqlmap");
  if (found === null)
    throw new Error("sqlmap is missing; install it with: sudo apt-get install sqlmap");
  return found;
}

async function succeeds(argv: string[]): Promise<boolean> {
  if (Bun.which(argv[0] ?? "") === null) return false;
  const child = Bun.spawn(argv, {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
    timeout: INSTALL_LIMIT_MS,
  });
  return (await child.exited) === 0;
}

/** Tries every place behind the door. @returns what is known of each when it ends or its time is over. */
export async function tryInjections(
  binary: string,
  door: Door,
  { places, limitMs }: { places: Place[]; limitMs: number },
): Promise<{ verdicts: Map<Place, Verdict>; output: string }> {
  const folder = await mkdtemp(join(tmpdir(), "frm-sqlmap-"));
  try {
    const names = places.map((_, at) => fieldOf(at)).join(",");
    const target = ["-u", door.url, `--data=${door.form}`, "-p", names, `--output-dir=${folder}`];
    const child = Bun.spawn([binary, ...target, ...OPTIONS], {
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, PYTHONDONTWRITEBYTECODE: "1" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: limitMs,
    });
    const texts = await Promise.all([child.stdout.text(), child.stderr.text()]);
    await child.exited;
    const output = texts.join("\n");
    const found = readVerdicts(output);
    const verdicts = places.map(
      (place, at) => [place, found.get(fieldOf(at)) ?? "unfinished"] as const,
    );
    return { verdicts: new Map(verdicts), output };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the tool said of each field, by its name; it says nothing of one that it has not come to. */
export function readVerdicts(output: string): Map<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  for (const [, name = ""] of output.matchAll(/parameter '(\w+)' does not seem to be injectable/g))
    verdicts.set(name, []);
  for (const [, name = "", rest = ""] of output.matchAll(
    /^Parameter: (\w+) \([\s\S]*?\)\n((?: {4}.*\n|\s*\n)*)/gm,
  )) {
    const kinds = [...rest.matchAll(/^ {4}Type: (.+)$/gm)].map(([, kind = ""]) => kind);
    verdicts.set(name, kinds.length > 0 ? kinds : ["of an unknown kind"]);
  }
  return verdicts;
}
