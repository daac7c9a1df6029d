import { afterEach, expect, test } from "bun:test";
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { pingRedis } from "../../../src/platform/embedded/redis_ping.ts";

const ROOT = join(import.meta.dir, "../../..");
const dirs: string[] = [];

afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function makeDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "frm-redis-"));
  dirs.push(dir);
  return dir;
}

/** A server that reads its data for the first three questions, as a real one with much data does. */
const STAND_IN = `#!${process.execPath}
if (process.argv.includes("--version")) {
  console.log("Redis server v=7.2.0");
} else {
  let asked = 0;
  Bun.listen({
    unix: process.argv[process.argv.indexOf("--unixsocket") + 1],
    socket: {
      data: (socket) => {
        asked += 1;
        console.log("asked", asked);
        socket.write(asked > 3 ? "+PONG\\r\\n" : "-LOADING Redis is loading the dataset in memory\\r\\n");
      },
    },
  });
}
`;

test("a Redis that still reads its data is waited for", async () => {
  const dir = makeDir();
  const program = join(dir, "redis-server");
  await Bun.write(program, STAND_IN);
  chmodSync(program, 0o755);
  const owner = Bun.spawn([process.execPath, "--no-orphans", "scripts/services.ts"], {
    cwd: ROOT,
    env: { PATH: `${dir}:${Bun.env["PATH"]}`, DATA_DIR: join(dir, "data"), DATABASE_URL: "set" },
    stdout: "pipe",
  });
  expect(await readUntil(owner.stdout, "REDIS_URL=redis+unix://")).toBe(true);
  expect(await Bun.file(join(dir, "data", "log", "redis.log")).text()).toContain("asked 4");
  owner.kill();
  expect(await owner.exited).toBe(0);
});

async function readUntil(stream: ReadableStream<Uint8Array>, wanted: string): Promise<boolean> {
  let said = "";
  for await (const chunk of stream) {
    said += new TextDecoder().decode(chunk);
    if (said.includes(wanted)) return true;
  }
  return false;
}

test("an answer is ready, loading or, where nobody listens, unreachable", async () => {
  const unix = join(makeDir(), "redis.sock");
  expect(await pingRedis(unix)).toBe("unreachable");
  const answers = ["-LOADING busy\r\n", "+PONG\r\n", "-NOAUTH Authentication required.\r\n"];
  using listener = Bun.listen({
    unix,
    socket: { data: (socket) => void socket.write(answers.shift() ?? "") },
  });
  expect(await pingRedis(unix)).toBe("loading");
  expect(await pingRedis(unix)).toBe("ready");
  expect(await pingRedis(unix)).toBe("unreachable");
  listener.stop(true);
});

test("where no Redis is new enough the start stops with one line that says what to do", async () => {
  const dir = makeDir();
  const program = join(dir, "redis-server");
  await Bun.write(program, "#!/bin/sh\necho 'Redis server v=6.0.16 sha=0'\n");
  chmodSync(program, 0o755);
  // A copy, because the project itself may have a Redis that was unpacked for it; built-ins are all it needs.
  for (const part of ["scripts/services.ts", "src/platform/embedded"]) {
    cpSync(join(ROOT, part), join(dir, part), { recursive: true });
  }
  const data = join(dir, "data");
  const ran = Bun.spawnSync([process.execPath, "scripts/services.ts"], {
    cwd: dir,
    env: { PATH: dir, DATA_DIR: data, DATABASE_URL: "set" },
  });
  expect(ran.exitCode).toBe(1);
  expect(ran.stdout.toString()).toBe("");
  expect(ran.stderr.toString().trimEnd().split("\n")).toEqual([
    `Cannot start embedded redis "${join(data, "redis")}": it needs redis-server 7 or valkey-server and ${program} (6.0) will not do; run ./scripts/start, which installs one, or set REDIS_URL`,
  ]);
});
