import { expect, test } from "bun:test";
import { join } from "node:path";

import { createJobHandlers, SCHEDULE } from "../src/jobs.ts";
import type { WorkerPlatform } from "../src/platform/platform.ts";
import type { JobKind } from "../src/platform/queue/definition.ts";

const FEATURES = join(import.meta.dir, "..", "src", "features");

interface Declared {
  feature: string;
  kind: JobKind;
}

/** Every kind that a feature declares in its schema. */
async function listKinds(): Promise<Declared[]> {
  const kinds: Declared[] = [];
  const paths = ["*/schema.ts", "*/schema/*.ts"].flatMap((pattern) => [
    ...new Bun.Glob(pattern).scanSync(FEATURES),
  ]);
  for (const path of paths) {
    const exported = (await import(join(FEATURES, path))) as Record<string, unknown>;
    const feature = path.split("/")[0] ?? "";
    for (const value of Object.values(exported))
      if (isKind(value)) kinds.push({ feature, kind: value });
  }
  return kinds;
}

function isKind(value: unknown): value is JobKind {
  return typeof value === "object" && value !== null && "maxAttempts" in value && "queue" in value;
}

test("every declared kind of job has exactly one handler, and a name of its own that begins with its feature", async () => {
  const kinds = await listKinds();
  // Making the handlers touches nothing of the platform; running them would.
  const handled = createJobHandlers({} as WorkerPlatform).map((handler) => handler.kind);
  expect(kinds.length).toBeGreaterThan(0);
  expect(handled.map(({ name }) => name).toSorted()).toEqual(
    kinds.map(({ kind }) => kind.name).toSorted(),
  );
  expect(new Set(handled.map(({ name }) => name)).size).toBe(handled.length);
  for (const { feature, kind } of kinds) {
    expect(handled).toContain(kind);
    expect(kind.name).toStartWith(`${feature}.`);
  }
});

test("recurring work has a handler, needs no payload, and does not come in a rush", () => {
  const handled = createJobHandlers({} as WorkerPlatform).map((handler) => handler.kind);
  expect(SCHEDULE.length).toBeGreaterThan(0);
  for (const { kind, everyMs } of SCHEDULE) {
    expect(handled).toContain(kind);
    expect(kind.check({})).toBe(true);
    expect(everyMs).toBeGreaterThanOrEqual(60_000);
  }
  expect(new Set(SCHEDULE.map(({ kind }) => kind.name)).size).toBe(SCHEDULE.length);
});
