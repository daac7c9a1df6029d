import { expect, test } from "bun:test";

import fc from "fast-check";

import { judgeRefresh } from "../../../src/features/auth/service/refresh.ts";

/** A session as the server keeps it, and what an honest client and a thief hold of it. */
interface World {
  valid: number;
  seen: number;
  rotatedAt: number;
  now: number;
  ended: boolean;
  /** The newest refresh token that the honest client has received. */
  honest: number;
  /** A copy that a thief took at some time. */
  stolen: number | undefined;
}

type Step =
  | { do: "refresh"; answered: boolean }
  | { do: "use" }
  | { do: "steal" }
  | { do: "abuse" }
  | { do: "wait"; seconds: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("refresh" as const), answered: fc.boolean() }),
  fc.record({ do: fc.constant("use" as const) }),
  fc.record({ do: fc.constant("steal" as const) }),
  fc.record({ do: fc.constant("abuse" as const) }),
  fc.record({ do: fc.constant("wait" as const), seconds: fc.nat({ max: 40 }) }),
);

/** Shows a token to the server; the counter of the one that it hands out, or why there is none. */
function show(world: World, shown: number): number | "refused" | "ended" {
  if (world.ended) return "ended";
  const { valid, seen } = world;
  const sinceRotationMs = (world.now - world.rotatedAt) * 1_000;
  const verdict = judgeRefresh({ valid, seen, shown, sinceRotationMs });
  if (verdict === "reused") {
    world.ended = true;
    return "ended";
  }
  if (verdict === "superseded") return "refused";
  if (verdict === "repeat") return valid;
  world.seen = Math.max(seen, shown);
  world.valid = shown + 1;
  world.rotatedAt = world.now;
  return world.valid;
}

function take(world: World, step: Step): void {
  if (step.do === "wait") world.now += step.seconds;
  if (step.do === "steal") world.stolen = world.honest;
  if (step.do === "use") world.seen = Math.max(world.seen, world.ended ? 0 : world.honest);
  if (step.do === "refresh") {
    const got = show(world, world.honest);
    if (typeof got === "number" && step.answered) world.honest = got;
  }
  if (step.do === "abuse" && world.stolen !== undefined) {
    const got = show(world, world.stolen);
    if (typeof got === "number") world.stolen = got;
  }
}

function play(list: Step[]): World {
  const world: World = {
    valid: 0,
    seen: 0,
    rotatedAt: 0,
    now: 1_000,
    ended: false,
    honest: 0,
    stolen: undefined,
  };
  for (const step of list) take(world, step);
  return world;
}

test("an honest client is never signed out, whatever answers are lost and however long it waits", () => {
  const honest = steps.filter((step) => step.do !== "abuse");
  fc.assert(
    fc.property(fc.array(honest, { maxLength: 60 }), (list) => {
      const world = play(list);
      expect(world.ended).toBe(false);
      expect(typeof show(world, world.honest)).toBe("number");
    }),
    { numRuns: 2_000, seed: 20_261_123 },
  );
});

test("after a theft, one use by each side with both answers used ends the session", () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 40 }), fc.boolean(), (list, thiefFirst) => {
      const world = play(list);
      if (world.ended || world.stolen === undefined) return;
      world.stolen = world.honest;
      // Each takes a turn of its own, uses what it got, and lets the grace pass.
      for (let round = 0; round < 2; round += 1)
        for (const thief of [thiefFirst, !thiefFirst]) {
          const got = show(world, thief ? world.stolen : world.honest);
          if (typeof got === "number") {
            if (thief) world.stolen = got;
            else world.honest = got;
            world.seen = Math.max(world.seen, got);
          }
          world.now += 11;
        }
      const after = [show(world, world.honest), show(world, world.valid)];
      expect(after).toEqual(["ended", "ended"]);
    }),
    { numRuns: 2_000, seed: 20_261_123 },
  );
});

test("any number of simultaneous refreshes with one token are one rotation and one answer", () => {
  fc.assert(
    fc.property(
      fc.array(steps, { maxLength: 40 }),
      fc.integer({ min: 2, max: 50 }),
      (list, many) => {
        const world = play(list.filter((step) => step.do !== "abuse"));
        const { honest } = world;
        const answers = Array.from({ length: many }, () => show(world, honest));
        expect(new Set(answers).size).toBe(1);
        expect(answers[0]).toBe(world.valid);
      },
    ),
    { numRuns: 1_000, seed: 20_261_123 },
  );
});
