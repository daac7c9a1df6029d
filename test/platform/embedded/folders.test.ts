import { afterEach, expect, test } from "bun:test";
import { lstatSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EmbeddedError } from "../../../src/platform/embedded/error.ts";
import {
  openLog,
  openRuntimeDir,
  removeRuntimeDir,
} from "../../../src/platform/embedded/folders.ts";

const made: string[] = [];

afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

function makeDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "frm-folders-"));
  made.push(dir);
  return dir;
}

test("a link that somebody planted in place of the runtime folder is refused and kept", () => {
  const dataDir = makeDir();
  const runtimeDir = openRuntimeDir(dataDir);
  removeRuntimeDir(runtimeDir);
  symlinkSync(makeDir(), runtimeDir);
  made.push(runtimeDir);
  expect(() => openRuntimeDir(dataDir)).toThrow(EmbeddedError);
  expect(lstatSync(runtimeDir).isSymbolicLink()).toBe(true);
});

test("a runtime folder of an earlier life is taken over, closed to others, at the same path", () => {
  const dataDir = makeDir();
  const first = openRuntimeDir(dataDir);
  made.push(first);
  expect(openRuntimeDir(dataDir)).toBe(first);
  expect(statSync(first).mode & 0o777).toBe(0o700);
});

test("a log that has grown large starts afresh, a small one goes on", () => {
  const dataDir = makeDir();
  const { file } = openLog(dataDir, "redis");
  writeFileSync(file, "short\n");
  openLog(dataDir, "redis");
  expect(statSync(file).size).toBe("short\n".length);
  writeFileSync(file, Buffer.alloc(6 * 1024 * 1024));
  openLog(dataDir, "redis");
  expect(statSync(file).size).toBe(0);
});
