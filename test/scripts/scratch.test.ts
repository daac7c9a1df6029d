import { expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makeScratch, removeLeftovers } from "../../scripts/gate/scratch.ts";

const FOUR_HOURS_S = 4 * 3600;

test("what a killed run left is removed, and neither what a run may still use nor what is not the gate's", async () => {
  const parent = await mkdtemp(join(tmpdir(), "frm-scratch-"));
  try {
    const old = Date.now() / 1000 - FOUR_HOURS_S;
    for (const name of ["frm-gate-killed", "frm-gate-runs", "PostgreSQL.1"]) {
      await mkdir(join(parent, name, "data"), { recursive: true });
      if (name !== "frm-gate-runs") await utimes(join(parent, name), old, old);
    }
    expect(await removeLeftovers(parent)).toEqual(["frm-gate-killed"]);
    expect((await readdir(parent)).toSorted()).toEqual(["PostgreSQL.1", "frm-gate-runs"]);
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
});

test("each run has an empty folder of its own", async () => {
  const [one, other] = await Promise.all([makeScratch(), makeScratch()]);
  try {
    expect(one).not.toBe(other);
    expect(await readdir(one)).toEqual([]);
  } finally {
    for (const folder of [one, other]) await rm(folder, { recursive: true });
  }
});
