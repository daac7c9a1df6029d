import { join } from "node:path";

import type { Subprocess } from "bun";

const ROOT = join(import.meta.dir, "..", "..");
const KILL_AFTER_MS = 5_000;
/** The end of what a process has written, enough to see why it died. */
const MAX_LOG_LENGTH = 4_000;
const LAST_WORDS_MS = 500;
const START_TIMEOUT_MS = 30_000;

export interface ProcessSpec {
  name: string;
  argv: string[];
  env?: Record<string, string>;
}

/** A child process whose standard output is read line by line. */
export interface Child extends AsyncDisposable {
  pid: number;
  /** Sends a line to its standard input. */
  write: (line: string) => void;
  /** The next line it prints. @throws when it ends first or takes too long. */
  nextLine: (timeoutMs: number) => Promise<string>;
}

/** Starts a process in the project's folder, with only the environment that it is given. */
export function spawn({ name, argv, env = {} }: ProcessSpec): Child {
  const child = Bun.spawn(argv, {
    cwd: ROOT,
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  let log = "";
  const collected = collect(child.stderr, (text) => (log = (log + text).slice(-MAX_LOG_LENGTH)));
  const lines = linesOf(child.stdout);
  return {
    pid: child.pid,
    write: (line) => {
      void child.stdin.write(`${line}\n`);
      void child.stdin.flush();
    },
    nextLine: async (timeoutMs) => {
      const late = Promise.withResolvers<undefined>();
      const timer = setTimeout(() => late.resolve(undefined), timeoutMs);
      const next = await Promise.race([lines.next(), late.promise]);
      clearTimeout(timer);
      if (!next) throw new Error(`Cannot wait for ${name}: silent for ${timeoutMs} ms\n${log}`);
      if (next.done) {
        // Why it ended may still be on its way; something it started may hold the pipe for ever.
        await Promise.race([collected, Bun.sleep(LAST_WORDS_MS)]);
        throw new Error(`Cannot go on with ${name}: it has ended\n${log}`);
      }
      return next.value;
    },
    [Symbol.asyncDispose]: () => end(child),
  };
}

/** Starts a server that prints `listening on URL` once it serves. @returns it and its port. */
export async function startServer(spec: ProcessSpec): Promise<Child & { port: number }> {
  const child = spawn(spec);
  try {
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      const line = await child.nextLine(Math.max(1, deadline - performance.now()));
      const port = /listening on https?:\/\/[^:]+:(\d+)/.exec(line)?.[1];
      if (port !== undefined) return { ...child, port: Number(port) };
    }
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}

async function end(child: Subprocess): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS);
  await child.exited;
  clearTimeout(timer);
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const pieces = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = pieces.pop() ?? "";
    yield* pieces;
  }
  return undefined;
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}
