import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface PgbenchJob {
  databaseUrl: string;
  /** Each transaction runs one of these, chosen by chance. */
  scripts: string[];
  clients: number;
  durationMs: number;
}

const KILL_AFTER_MS = 30_000;

/**
 * Runs transactions as fast as Postgres takes them, prepared once on each connection, by the program that comes with
 * Postgres. @returns transactions a second. @throws when one has failed, or with the command that installs it.
 */
export async function runPgbench(job: PgbenchJob): Promise<number> {
  const program = await findPgbench();
  const folder = await mkdtemp(join(tmpdir(), "frm-pgbench-"));
  try {
    const files = await Promise.all(
      job.scripts.map(async (script, index) => {
        const file = join(folder, `${index}.sql`);
        await Bun.write(file, script);
        return ["-f", file];
      }),
    );
    const seconds = String(Math.max(1, Math.round(job.durationMs / 1_000)));
    const load = ["-n", "-M", "prepared", "-c", String(job.clients), "-j", "2", "-T", seconds];
    const child = Bun.spawn([program, ...load, ...files.flat()], {
      env: { PATH: process.env["PATH"] ?? "", ...connectionOf(job.databaseUrl) },
      stdout: "pipe",
      stderr: "pipe",
      timeout: job.durationMs + KILL_AFTER_MS,
    });
    const [out, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    const perSecond = /^tps = ([\d.]+)/m.exec(out)?.[1];
    const failed = /number of failed transactions: (\d+)/.exec(out)?.[1] ?? "0";
    if ((await child.exited) !== 0 || perSecond === undefined || failed !== "0")
      throw new Error(`Cannot run pgbench: ${errors || out}`);
    return Number(perSecond);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function connectionOf(databaseUrl: string): Record<string, string> {
  const url = new URL(databaseUrl);
  return {
    PGHOST: url.searchParams.get("host") ?? url.hostname,
    PGUSER: url.username,
    PGDATABASE: url.pathname.slice(1),
    ...(url.port === "" ? {} : { PGPORT: url.port }),
  };
}

/** Debian keeps it in a folder of its own, behind a wrapper in Perl. */
async function findPgbench(): Promise<string> {
  const debian = [...new Bun.Glob("*/bin/pgbench").scanSync({ cwd: "/usr/lib/postgresql" })];
  const newest = debian.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).at(-1);
  const found = newest === undefined ? Bun.which("pgbench") : join("/usr/lib/postgresql", newest);
  if (found === null)
    throw new Error("pgbench is missing; install it with: sudo apt-get install postgresql");
  return found;
}
