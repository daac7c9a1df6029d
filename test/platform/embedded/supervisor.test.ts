import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  type ServerPlan,
  type ServerProcess,
  superviseServer,
} from "../../../src/platform/embedded/supervisor.ts";
import { waitUntil } from "../../../src/platform/embedded/wait.ts";

const LIMIT_MS = 5000;

function planFor(start: () => Promise<ServerProcess>, lines: string[]): ServerPlan {
  const progress = (line: string) => void lines.push(line);
  return { service: "redis", start, stopSignal: "SIGTERM", stopLimitMs: 100, progress };
}

function spawn(script: string): ServerProcess {
  // Numbers, as the servers get: files that are open already. 2 is what the test itself writes errors to.
  return Bun.spawn(["sh", "-c", script], { stdin: "ignore", stdout: 2, stderr: 2 });
}

test("a restart that fails is tried again, and a close in the pause before it does not wait", async () => {
  const lines: string[] = [];
  const started: ServerProcess[] = [];
  let attempts = 0;
  const server = await superviseServer(
    planFor(() => {
      attempts += 1;
      if (attempts > 1) return Promise.reject(new Error(`attempt ${attempts} failed`));
      started.push(spawn("exec tail -f /dev/null"));
      return Promise.resolve(started[0] as ServerProcess);
    }, lines),
  );
  started[0]?.kill("SIGKILL");
  expect(await waitUntil(LIMIT_MS, () => lines.length === 3)).toBe(true);
  await server.close();
  expect(lines).toEqual([
    "embedded redis died (signal SIGKILL): starting it again",
    "attempt 2 failed",
    "attempt 3 failed",
  ]);
  expect(attempts).toBe(3);
});

test("a server that does not heed the stop signal is killed, and is not started again", async () => {
  const lines: string[] = [];
  const dir = mkdtempSync(join(tmpdir(), "frm-supervisor-"));
  const isDeaf = join(dir, "deaf");
  const server = spawn(`trap '' TERM; : >'${isDeaf}'; exec tail -f /dev/null`);
  expect(await waitUntil(LIMIT_MS, () => existsSync(isDeaf))).toBe(true);
  rmSync(dir, { recursive: true });
  const supervised = await superviseServer(planFor(() => Promise.resolve(server), lines));
  await Promise.all([supervised.close(), supervised.close()]);
  expect(server.signalCode).toBe("SIGKILL");
  expect(lines).toEqual([]);
});
