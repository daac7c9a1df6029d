import { join } from "node:path";

import { type Child, spawn } from "../processes.ts";

const JOB_TIMEOUT_MS = 120_000;

/** The load comes from a process of its own, so that measuring does not disturb what is measured. */
export interface Load extends AsyncDisposable {
  /** Runs one job and answers its result. @throws what the job has thrown. */
  run: <T extends object>(job: object) => Promise<T>;
  pid: number;
}

/** What a load process writes about one job. */
interface Answer<T> {
  number: number;
  result?: T;
  error?: string;
}

export type LoadScript = "http.ts" | "sockets.ts" | "chat.ts";

export function openLoad(script: LoadScript): Load {
  const path = join(import.meta.dir, script);
  let jobs = 0;
  const child: Child = spawn({ name: "the load", argv: [process.execPath, "--no-orphans", path] });
  return {
    pid: child.pid,
    run: async <T extends object>(job: object) => {
      const number = (jobs += 1);
      child.write(JSON.stringify({ number, job }));
      for (;;) {
        const answer = JSON.parse(await child.nextLine(JOB_TIMEOUT_MS)) as Answer<T>;
        // A job that was given up may still answer.
        if (answer.number !== number) continue;
        if (answer.result === undefined) throw new Error(answer.error);
        return answer.result;
      }
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Reads jobs from standard input and writes their results, one JSON line each: a load process's whole life. */
export async function serveJobs(handle: (job: unknown) => Promise<object>): Promise<void> {
  for await (const line of console) {
    if (line === "") continue;
    const { number, job } = JSON.parse(line) as { number: number; job: unknown };
    const answer: Answer<object> = await handle(job).then(
      (result) => ({ number, result }),
      (error: unknown) => ({
        number,
        error: error instanceof Error ? error.message : String(error),
      }),
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
