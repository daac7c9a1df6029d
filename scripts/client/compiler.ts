import { join } from "node:path";

const TSC = join(import.meta.dir, "..", "..", "node_modules/typescript/bin/tsc");
const TIMEOUT_MS = 60_000;

/** One complaint of the compiler, with the path as it prints it. */
export interface TypeError {
  path: string;
  line: number;
  message: string;
}

/** Runs the TypeScript compiler on a project; it may emit although it complains. */
export async function compile(folder: string, project: object): Promise<TypeError[]> {
  await Bun.write(join(folder, "tsconfig.json"), JSON.stringify(project));
  const argv = [process.execPath, TSC, "--pretty", "false", "-p", folder];
  const tsc = Bun.spawn(argv, { cwd: folder, stdout: "pipe", stderr: "pipe", timeout: TIMEOUT_MS });
  const [out, err, exitCode] = await Promise.all([
    tsc.stdout.text(),
    tsc.stderr.text(),
    tsc.exited,
  ]);
  const errors = [...out.matchAll(/^(.+?)\((\d+),\d+\): error (.*)$/gm)].map((match) => ({
    path: match[1] ?? "",
    line: Number(match[2]),
    message: match[3] ?? "",
  }));
  if (exitCode !== 0 && errors.length === 0)
    throw new Error(`Cannot compile "${folder}": tsc ended with ${exitCode}: ${out}${err}`);
  return errors;
}
