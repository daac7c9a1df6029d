import { join } from "node:path";

import { until } from "../support/poll.ts";

/** One production build of the Next.js app, made by `bun run test:browser`. */
export interface AppCopy {
  name: string;
  dir: string;
  apiPort: number;
}

/** The app as `next start` serves it. */
export interface RunningApp extends AsyncDisposable {
  url: string;
  apiPort: number;
  /** What the server has printed. */
  log: () => string;
}

const START_LIMIT_MS = 30_000;

/** The build of this name. Its port is for one instance, so files of tests that run at the same time share none. */
export function findApp(name: string): AppCopy {
  const built = JSON.parse(process.env["TEST_APPS"] ?? "[]") as AppCopy[];
  const app = built.find((copy) => copy.name === name);
  if (!app) throw new Error(`Cannot find the app "${name}": run bun run test:browser`);
  return app;
}

/** @param socketPort of another instance than the one that is asked over HTTP. */
export async function startApp(
  { dir, apiPort }: AppCopy,
  socketPort = apiPort,
): Promise<RunningApp> {
  const next = join(dir, "node_modules/next/dist/bin/next");
  const child = Bun.spawn(
    [process.execPath, "--no-orphans", "--bun", next, "start", dir, "--port", "0"],
    {
      cwd: dir,
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: process.env["HOME"] ?? "",
        NEXT_TELEMETRY_DISABLED: "1",
        FRM_API_URL: `http://127.0.0.1:${apiPort}`,
        // The name under which a browser counts plain HTTP as secure.
        FRM_SOCKET_URL: `ws://localhost:${socketPort}/v1/ws`,
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  let said = "";
  const take = (text: string) => (said += text);
  void Promise.all([collect(child.stdout, take), collect(child.stderr, take)]);
  const find = () => /- Local:\s+http:\/\/localhost:(\d+)/.exec(Bun.stripANSI(said))?.[1];
  await until("next start", () => find() !== undefined && /Ready in/.test(said), START_LIMIT_MS);
  return {
    url: `http://localhost:${find()}`,
    apiPort,
    log: () => said,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await child.exited;
      clearTimeout(late);
    },
  };
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}
