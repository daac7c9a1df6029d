import { cp } from "node:fs/promises";
import { join, relative, sep } from "node:path";

import type { Step } from "../gate.ts";

/** A copy of the Next.js app with everything that it needs, in a tree of its own. */
export interface AppCopy {
  dir: string;
  /** The port of 127.0.0.1 on which its API will answer: a rewrite is fixed by the build. */
  apiPort: number;
}

const ROOT = join(import.meta.dir, "..", "..");
const APP = join("test", "nextjs");
/** Where the app's package.json, which names it relative to itself, expects the client package. */
const PACKAGE = join(".data", "client");
const MADE_ON_THE_SPOT = /^(?:node_modules|\.next|next-env\.d\.ts|.*\.tsbuildinfo)$/;
const INSTALL_LIMIT_MS = 5 * 60_000;
const CHECK_LIMIT_MS = 2 * 60_000;
const BUILD_LIMIT_MS = 5 * 60_000;

/** Copies the app and the built client package, so that nothing is made inside the repository. */
export async function copyApp(into: string, client: string): Promise<AppCopy> {
  const source = join(ROOT, APP);
  const isSource = (path: string) =>
    !relative(source, path)
      .split(sep)
      .some((name) => MADE_ON_THE_SPOT.test(name));
  await cp(source, join(into, APP), { recursive: true, filter: isSource });
  await cp(client, join(into, PACKAGE), { recursive: true });
  return { dir: join(into, APP), apiPort: reservePort() };
}

/** Nobody else is likely to be given this port before we listen on it. */
function reservePort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  server.stop(true);
  return server.port;
}

/** Exactly what the lock file of the app says. */
export function installStep({ dir }: AppCopy): Step {
  const argv = ["--no-orphans", "install", "--frozen-lockfile", "--cwd", dir];
  return { name: "app: dependencies", argv, limitMs: INSTALL_LIMIT_MS };
}

/** Writes the types of the routes, which the type check reads. */
export function typegenStep(copy: AppCopy): Step {
  return { name: "app: types of routes", argv: nextArgv(copy, "typegen"), limitMs: CHECK_LIMIT_MS };
}

/** The type check as Next does it, with the time that it takes. */
export function checkStep({ dir }: AppCopy): Step {
  const argv = [
    "--no-orphans",
    "--bun",
    join(dir, "node_modules/typescript/bin/tsc"),
    "--noEmit",
    "--diagnostics",
    "--project",
    dir,
  ];
  return { name: "app: type check", argv, limitMs: CHECK_LIMIT_MS };
}

export function buildStep(copy: AppCopy): Step {
  const name = `app: build for port ${copy.apiPort}`;
  return { name, argv: nextArgv(copy, "build"), limitMs: BUILD_LIMIT_MS };
}

function nextArgv({ dir }: AppCopy, command: string): string[] {
  return ["--no-orphans", "--bun", join(dir, "node_modules/next/dist/bin/next"), command, dir];
}
